"""Agent sessions: a conversation that is opened, appended to, read back and closed."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.db.models import F, Max, Q, QuerySet
from django.utils import timezone

from gateway import records
from gateway.errors import StoreConflictError
from gateway.records import Page
from store.models import Conversation, Message


def open_conversation(values: dict[str, Any]) -> Conversation:
    return records.create_row(Conversation, values)


def append_message(conversation_id: UUID, values: dict[str, Any]) -> Message:
    """Add a message at the end. Writers to one conversation wait for each other, so the numbers have no gap.

    Raises `StoreConflictError` when the conversation is closed.
    """
    now = timezone.now()
    with records.writing():
        conversation = records.get_row(Conversation.objects.select_for_update(), conversation_id)
        if conversation.status != "open":
            raise StoreConflictError(
                "The conversation is closed.", remediation="Open a new one: POST /v1/conversations", rule="status"
            )
        message_id = uuid4()
        Message.objects.create(
            pk=message_id,
            conversation=conversation,
            seq=_next_seq(conversation),
            created_at=now,
            updated_at=now,
            **values,
        )
        Conversation.objects.filter(pk=conversation.pk).update(last_message_at=now, updated_at=now)
        return records.get_row(Message.objects.all(), message_id)


def _next_seq(conversation: Conversation) -> int | None:
    """Number the message, unless older ones have no number: NULL sorts last, so a number would put it before them."""
    messages = Message.objects.filter(conversation=conversation)
    if messages.filter(seq=None).exists():
        return None
    return (messages.aggregate(last=Max("seq"))["last"] or 0) + 1


def close_conversation(conversation_id: UUID) -> Conversation:
    """Close it; closing a closed one changes nothing."""
    return records.update_row(Conversation, conversation_id, {"status": "archived"})


def list_messages(conversation_id: UUID, *, cursor: str | None, limit: int) -> Page[Message]:
    """Return a conversation's messages in their order: seq, then created_at, then id."""
    records.get_row(Conversation.objects.all(), conversation_id)
    rows = Message.objects.filter(conversation_id=conversation_id, deleted_at=None)
    if cursor:
        rows = _after(rows, cursor)
    found = list(rows.order_by(F("seq").asc(nulls_last=True), "created_at", "id")[: limit + 1])
    items = found[:limit]
    return Page(items, _cursor_of(items[-1]) if len(found) > limit else None)


def _cursor_of(message: Message) -> str:
    return records.encode_cursor([message.seq, message.created_at.isoformat(), str(message.id)])


def _after(rows: QuerySet[Message], cursor: str) -> QuerySet[Message]:
    seq, at, last_id = _read(cursor)
    if seq is not None:
        return rows.filter(Q(seq__gt=seq) | Q(seq=None))
    return rows.filter(seq=None).filter(Q(created_at__gt=at) | Q(created_at=at, id__gt=last_id))


def _read(cursor: str) -> tuple[int | None, datetime, UUID]:
    with records.cursor_errors():
        seq, at, last_id = records.decode_cursor(cursor)
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None or not (seq is None or (isinstance(seq, int) and abs(seq) < 2**31)):
            raise ValueError("not one of ours")
        return seq, moment, UUID(last_id)
