"""The one shape of every collection under /v1: list with filters and keyset pages, show, and where it may: change.

No `from __future__ import annotations` here: ninja reads the schemas from the signatures, made anew per collection.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Query, Router, Schema, Status

from gateway import records
from gateway.errors import BadRequestError
from gateway.schemas import ErrorOut, Filter, PageOut, PageQuery
from store.models import StoreRow

REFUSED = frozenset({400, 401, 403, 404, 405, 409, 413, 414, 422, 429, 431, 503})
ERRORS: dict[Any, Any] = {REFUSED: ErrorOut}


@dataclass(frozen=True)
class Collection:
    """A table as /v1 shows it. With `new` and `changes` its rows can be created, changed and marked as deleted."""

    name: str  # the word in the address: tasks
    one: str  # a task
    model: type[StoreRow]
    out: type[Schema]
    only: type[Filter]
    new: type[Schema] | None = None
    changes: type[Schema] | None = None
    hidden: tuple[str, ...] = ()  # columns that are never read

    def rows(self) -> QuerySet[Any]:
        return self.model._default_manager.defer(*self.hidden)


def refuse_unknown(request: HttpRequest, *known: type[Schema]) -> None:
    """Refuse query parameters that no schema has: a misspelt filter would otherwise show everything."""
    names = {name for schema in known for name in schema.model_fields}
    unknown = sorted(set(request.GET) - names)
    if unknown:
        raise BadRequestError(
            f"Not usable: {', '.join(unknown)}.",
            remediation=f"This address takes: {', '.join(sorted(names))}.",
            problems=[{"path": f"query.{name}", "reason": "There is no such parameter."} for name in unknown],
        )


def add_collection(router: Router, collection: Collection, *, read: Any, write: Any) -> None:
    """Add the collection's addresses; `read` and `write` are how their requests say who they are."""
    _add_reading(router, collection, read)
    if collection.new and collection.changes:
        _add_writing(router, collection, collection.new, collection.changes, write)


def _add_reading(router: Router, kind: Collection, auth: Any) -> None:
    only = kind.only

    @router.get(
        f"/{kind.name}",
        response={200: PageOut[kind.out], **ERRORS},  # type: ignore[name-defined]
        summary=f"List {kind.name}, newest first",
        operation_id=f"list_{kind.name}",
        auth=auth,
    )
    def list_rows(request: HttpRequest, page: Query[PageQuery], filters: Query[only]) -> Any:  # type: ignore[valid-type]
        refuse_unknown(request, PageQuery, only)
        return records.list_page(filters.filter(kind.rows()), cursor=page.cursor, limit=page.limit)  # type: ignore[attr-defined]

    @router.get(
        f"/{kind.name}/{{uuid:row_id}}",
        response={200: kind.out, **ERRORS},
        summary=f"Show a {kind.one}",
        operation_id=f"get_{kind.one}",
        auth=auth,
    )
    def get_row(request: HttpRequest, row_id: UUID) -> Any:
        return records.get_row(kind.rows(), row_id)


def _add_writing(router: Router, kind: Collection, new: type[Schema], changes: type[Schema], auth: Any) -> None:
    @router.post(
        f"/{kind.name}",
        response={201: kind.out, **ERRORS},
        summary=f"Create a {kind.one}",
        operation_id=f"create_{kind.one}",
        auth=auth,
    )
    def create_row(request: HttpRequest, body: new) -> Any:  # type: ignore[valid-type]
        return Status(201, records.create_row(kind.model, body.dict()))  # type: ignore[attr-defined]

    @router.patch(
        f"/{kind.name}/{{uuid:row_id}}",
        response={200: kind.out, **ERRORS},
        summary=f"Change some members of a {kind.one}",
        operation_id=f"update_{kind.one}",
        auth=auth,
    )
    def update_row(request: HttpRequest, row_id: UUID, body: changes) -> Any:  # type: ignore[valid-type]
        return records.update_row(kind.model, row_id, body.dict(exclude_unset=True))  # type: ignore[attr-defined]

    @router.delete(
        f"/{kind.name}/{{uuid:row_id}}",
        response={204: None, **ERRORS},
        summary=f"Delete a {kind.one} (it stays, marked as deleted)",
        operation_id=f"delete_{kind.one}",
        auth=auth,
    )
    def delete_row(request: HttpRequest, row_id: UUID) -> Any:
        records.delete_row(kind.model, row_id)
        return Status(204, None)
