"""What the data API takes and gives. Unknown members are refused: a typo must not be lost in silence."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from ninja import Schema
from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field

Item = TypeVar("Item")

TaskStatus = Literal["todo", "in_progress", "blocked", "done", "cancelled"]
Priority = Literal["low", "medium", "high", "urgent"]
Visibility = Literal["private", "team", "project"]
BodyFormat = Literal["markdown", "plain"]


def _storable(text: str) -> str:
    """PostgreSQL keeps neither NUL nor halves of surrogate pairs."""
    if "\x00" in text:
        raise ValueError("holds a NUL character, which the store cannot keep")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half of a surrogate pair, which the store cannot keep") from None
    return text


Text = Annotated[str, AfterValidator(_storable), Field(max_length=1_000_000)]
Title = Annotated[str, AfterValidator(_storable), Field(min_length=1, max_length=500)]
Label = Annotated[str, AfterValidator(_storable), Field(min_length=1, max_length=200)]
Labels = Annotated[list[Label], Field(max_length=100)]


class Strict(Schema):
    model_config = ConfigDict(extra="forbid")


class PageOut(Schema, Generic[Item]):
    items: list[Item]
    next_cursor: str | None


class RowOut(Schema):
    id: UUID
    created_at: datetime
    updated_at: datetime


class TaskIn(Strict):
    owner_id: UUID
    title: Title
    description: Text = ""
    project_id: UUID | None = None
    team_id: UUID | None = None
    assignee_id: UUID | None = None
    parent_task_id: UUID | None = None
    status: TaskStatus = "todo"
    priority: Priority = "medium"
    due_at: AwareDatetime | None = None
    position: Annotated[Decimal, Field(allow_inf_nan=False)] = Decimal(0)
    labels: Labels = []
    visibility: Visibility = "private"
    metadata: dict[str, Any] = {}


class TaskPatch(Strict):
    """Members that are left out stay as they are. The defaults below are never written."""

    owner_id: UUID = UUID(int=0)
    title: Title = "-"
    description: Text = ""
    project_id: UUID | None = None
    team_id: UUID | None = None
    assignee_id: UUID | None = None
    parent_task_id: UUID | None = None
    status: TaskStatus = "todo"
    priority: Priority = "medium"
    due_at: AwareDatetime | None = None
    position: Annotated[Decimal, Field(allow_inf_nan=False)] = Decimal(0)
    labels: Labels = []
    visibility: Visibility = "private"
    metadata: dict[str, Any] = {}


class TaskOut(RowOut):
    project_id: UUID | None
    team_id: UUID | None
    owner_id: UUID
    assignee_id: UUID | None
    parent_task_id: UUID | None
    title: str
    description: str
    status: str
    priority: str
    due_at: datetime | None
    completed_at: datetime | None
    position: Decimal
    labels: list[str]
    visibility: str
    metadata: dict[str, Any]


class NoteIn(Strict):
    owner_id: UUID
    team_id: UUID | None = None
    project_id: UUID | None = None
    title: Text = ""
    body: Text = ""
    body_format: BodyFormat = "markdown"
    labels: Labels = []
    pinned: bool = False
    visibility: Visibility = "private"


class NotePatch(Strict):
    """Members that are left out stay as they are. The defaults below are never written."""

    owner_id: UUID = UUID(int=0)
    team_id: UUID | None = None
    project_id: UUID | None = None
    title: Text = ""
    body: Text = ""
    body_format: BodyFormat = "markdown"
    labels: Labels = []
    pinned: bool = False
    visibility: Visibility = "private"


class NoteOut(RowOut):
    owner_id: UUID
    team_id: UUID | None
    project_id: UUID | None
    title: str
    body: str
    body_format: str
    labels: list[str]
    pinned: bool
    visibility: str


class ProjectOut(RowOut):
    team_id: UUID | None
    owner_id: UUID
    name: str
    slug: str
    description: str
    status: str


class TeamOut(RowOut):
    name: str
    slug: str
    description: str


class UserOut(RowOut):
    email: str
    display_name: str
    handle: str
    role: str
    timezone: str
    locale: str
    is_active: bool


class TaskFilter(Strict):
    status: TaskStatus | None = None
    project: UUID | None = None
    assignee: UUID | None = None


class NoteFilter(Strict):
    project: UUID | None = None
    owner: UUID | None = None
    pinned: bool | None = None


class ConversationIn(Strict):
    owner_id: UUID
    team_id: UUID | None = None
    project_id: UUID | None = None
    title: Text = ""
    model: Label | Literal[""] = ""
    visibility: Visibility = "private"


class ConversationOut(RowOut):
    owner_id: UUID
    team_id: UUID | None
    project_id: UUID | None
    title: str
    model: str
    status: str
    last_message_at: datetime | None
    visibility: str


class ConversationFilter(Strict):
    owner: UUID | None = None
    project: UUID | None = None
    status: Literal["open", "archived"] | None = None


class MessageIn(Strict):
    role: Literal["system", "user", "assistant", "tool"] = "user"
    content: Text = ""
    author_id: UUID | None = None
    token_count: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    metadata: dict[str, Any] = {}


class MessageOut(RowOut):
    conversation_id: UUID
    seq: int | None
    role: str
    author_id: UUID | None
    content: str
    token_count: int | None
    metadata: dict[str, Any]


class SearchQuery(Strict):
    q: Annotated[str, AfterValidator(_storable), Field(min_length=1, max_length=400)]
    kind: list[Literal["task", "note", "message"]] = []
    limit: Annotated[int, Field(ge=1, le=50)] = 20


class HitOut(Schema):
    kind: str
    id: UUID
    title: str
    excerpt: str
    created_at: datetime
    conversation_id: UUID | None


class SearchOut(Schema):
    items: list[HitOut]


class StatusOut(Schema):
    state: str
    in_flight: int
    since_s: float
    tier: str
    store: str
    holder: str
