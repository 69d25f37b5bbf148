"""Keyword search over tasks, notes and messages: every word has to occur, newest first. It needs no extension."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from gateway.errors import BadRequestError
from store.models import Message, Note, StoreRow, Task

MAX_WORDS = 8
EXCERPT = 160
# kind -> model and the columns that are searched; the first is the title where there is one
KINDS: dict[str, tuple[type[StoreRow], tuple[str, ...]]] = {
    "task": (Task, ("title", "description")),
    "note": (Note, ("title", "body")),
    "message": (Message, ("content",)),
}


@dataclass(frozen=True)
class Hit:
    kind: str
    id: UUID
    title: str
    excerpt: str
    created_at: datetime
    conversation_id: UUID | None


def search(text: str, kinds: Sequence[str], *, limit: int) -> list[Hit]:
    """Return at most `limit` hits of each kind, all of them newest first. Raises `BadRequestError`."""
    words = list(dict.fromkeys(text.split()))
    if not 1 <= len(words) <= MAX_WORDS:
        raise BadRequestError(
            f"A search takes 1 to {MAX_WORDS} words.", remediation="Send them in q, apart by spaces.", field="q"
        )
    hits = [hit for kind in kinds or KINDS for hit in _search_kind(kind, words, limit)]
    return sorted(hits, key=lambda hit: (hit.created_at, hit.id), reverse=True)


def _search_kind(kind: str, words: list[str], limit: int) -> list[Hit]:
    model, columns = KINDS[kind]
    rows = model._default_manager.filter(deleted_at=None)
    for word in words:
        condition = Q()
        for column in columns:
            condition |= Q(**{f"{column}__icontains": word})
        rows = rows.filter(condition)
    return [_hit(kind, row, columns, words[0]) for row in rows.order_by("-created_at", "id")[:limit]]


def _hit(kind: str, row: Any, columns: tuple[str, ...], word: str) -> Hit:
    body = str(getattr(row, columns[-1]))
    at = max(0, body.lower().find(word.lower()) - EXCERPT // 3)
    excerpt = ("…" if at else "") + body[at : at + EXCERPT] + ("…" if len(body) > at + EXCERPT else "")
    title = str(getattr(row, columns[0])) if len(columns) > 1 else ""
    return Hit(kind, row.id, title, excerpt, row.created_at, getattr(row, "conversation_id", None))
