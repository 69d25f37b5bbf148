"""Reads and writes of the store's rows for the data API."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

from django.db import connections, transaction
from django.db.models import Q, QuerySet

from doctor import codes as doctor_codes
from gateway import runtime
from gateway.errors import BadRequestError, NotServingError, RecordNotFoundError
from gateway.turnstile import RETRY_AFTER_S
from store.ledger import LOCK_CLASS, LOCK_OBJECT, stamp_first_write
from store.models import StoreRow, Task

ALIAS = "store"

Row = TypeVar("Row", bound=StoreRow)


@dataclass(frozen=True)
class Page(Generic[Row]):
    items: list[Row]
    next_cursor: str | None


def list_page(rows: QuerySet[Row], *, cursor: str | None, limit: int) -> Page[Row]:
    """Return the rows after `cursor`, newest first. Rows that come or go meanwhile shift nothing."""
    rows = rows.filter(deleted_at=None).order_by("-created_at", "id")
    if cursor:
        at, last_id = _read_cursor(cursor)
        # the first condition is redundant and lets the index (-created_at, id) skip to the page
        rows = rows.filter(created_at__lte=at).filter(Q(created_at__lt=at) | Q(id__gt=last_id))
    found = list(rows[: limit + 1])
    items = found[:limit]
    return Page(items, _write_cursor(items[-1]) if len(found) > limit else None)


def _write_cursor(row: StoreRow) -> str:
    return encode_cursor([row.created_at.isoformat(), str(row.id)])


def _read_cursor(cursor: str) -> tuple[datetime, UUID]:
    with cursor_errors():
        at, row_id = decode_cursor(cursor)
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError("no time zone")
        return moment, UUID(row_id)


def encode_cursor(values: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> Any:
    """Return what `encode_cursor` was given. For use within `cursor_errors`: anybody may send anything."""
    return json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))


@contextmanager
def cursor_errors() -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, AttributeError, RecursionError, binascii.Error):
        raise BadRequestError(
            "The cursor is not one that this gateway gave out.",
            remediation="Take next_cursor of the page before as it is, or leave cursor out to start again.",
            field="cursor",
        ) from None


def get_row(rows: QuerySet[Row], row_id: UUID) -> Row:
    """Return one row that is not deleted. Raises `RecordNotFoundError`."""
    row = rows.filter(pk=row_id, deleted_at=None).first()
    if row is None:
        name = rows.model._meta.db_table
        raise RecordNotFoundError(
            f"There is nothing with the id {row_id} in {name}.", remediation=f"List what there is: GET /v1/{name}"
        )
    return row


@contextmanager
def writing() -> Iterator[None]:
    """Run one write: fenced against a migration until its commit, and noted in the ledger when it is the first."""
    current = runtime.current()
    generation = current.turnstile.generation
    with transaction.atomic(using=ALIAS):
        _fence()
        yield
        if generation not in current.stamped:
            stamp_first_write(connections[ALIAS].connection)
    current.stamped.add(generation)


def _fence() -> None:
    """Hold the store's lock in this very transaction: the gateway's own may be lost before the commit."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(
            "SELECT pg_catalog.pg_try_advisory_xact_lock_shared(%s::int, %s::int)", (LOCK_CLASS, LOCK_OBJECT)
        )
        row = cursor.fetchone()
    if row != (True,):
        raise NotServingError(
            "A migration has the store: nothing can be written now.",
            remediation="Try again after the migration.",
            code=doctor_codes.STORE_MIGRATING,
            retry_after_s=RETRY_AFTER_S,
        )


def create_row(model: type[Row], values: dict[str, Any]) -> Row:
    """Create a row under an id of our own: Django does not read the database's defaults back."""
    row_id = uuid4()
    with writing():
        model._default_manager.create(pk=row_id, **_settled(model, values))
        return get_row(model._default_manager.all(), row_id)


def update_row(model: type[Row], row_id: UUID, changes: dict[str, Any]) -> Row:
    """Change the given columns only. Two writers at once: the later one wins, column by column."""
    now = datetime.now(UTC)
    with writing():
        live = model._default_manager.filter(pk=row_id, deleted_at=None)
        if not live.update(updated_at=now, **_settled(model, changes)):
            get_row(model._default_manager.all(), row_id)
        return get_row(model._default_manager.all(), row_id)


def delete_row(model: type[Row], row_id: UUID) -> None:
    """Mark a row as deleted; it stays in the store."""
    now = datetime.now(UTC)
    with writing():
        if not model._default_manager.filter(pk=row_id, deleted_at=None).update(deleted_at=now, updated_at=now):
            get_row(model._default_manager.all(), row_id)


def _settled(model: type[Row], values: dict[str, Any]) -> dict[str, Any]:
    """Keep `completed_at` in line with a task's status unless the caller gave it."""
    if model is Task and "status" in values and "completed_at" not in values:
        return {**values, "completed_at": datetime.now(UTC) if values["status"] == "done" else None}
    return values
