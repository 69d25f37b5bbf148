"""What the data API takes and gives. Unknown members are refused: a typo must not be lost in silence."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from ninja import FilterLookup, FilterSchema, Schema
from ninja.filter_schema import FilterConfigDict
from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field

Item = TypeVar("Item")

TaskStatus = Literal["todo", "in_progress", "blocked", "done", "cancelled"]
Priority = Literal["low", "medium", "high", "urgent"]
Visibility = Literal["private", "team", "project"]
BodyFormat = Literal["markdown", "plain"]
ProjectStatus = Literal["active", "paused", "archived", "done"]
UserRole = Literal["owner", "admin", "member", "guest"]
InsightKind = Literal["fact", "preference", "decision", "summary"]


def _storable(text: str) -> str:
    """PostgreSQL keeps neither NUL nor halves of surrogate pairs."""
    if "\x00" in text:
        raise ValueError("holds a NUL character, which the store cannot keep")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half of a surrogate pair, which the store cannot keep") from None
    return text


def _keepable(moment: datetime) -> datetime:
    """A day at either end is left out: in UTC it would have a year that Python cannot read back."""
    if not datetime(1, 1, 3, tzinfo=UTC) < moment < datetime(9999, 12, 30, tzinfo=UTC):
        raise ValueError("is not within the years 1 to 9999")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_keepable)]
Text = Annotated[str, AfterValidator(_storable), Field(max_length=1_000_000)]
Title = Annotated[str, AfterValidator(_storable), Field(min_length=1, max_length=500)]
Label = Annotated[str, AfterValidator(_storable), Field(min_length=1, max_length=200)]
Labels = Annotated[list[Label], Field(max_length=100)]


class Strict(Schema):
    model_config = ConfigDict(extra="forbid")


class PageOut(Schema, Generic[Item]):
    items: list[Item]
    next_cursor: str | None


class Problem(Schema):
    code: str
    message: str
    remediation: str
    context: dict[str, Any]


class ErrorOut(Schema):
    """The one shape of every error."""

    error: Problem


class PageQuery(Schema):
    cursor: Annotated[str | None, Field(max_length=400)] = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


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
    due_at: Moment | None = None
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
    due_at: Moment | None = None
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


class Filter(FilterSchema):
    """What a list can be narrowed to: one query parameter each, all of them have to hold."""

    model_config = FilterConfigDict(extra="forbid")


Project = Annotated[UUID | None, FilterLookup("project_id")]
Team = Annotated[UUID | None, FilterLookup("team_id")]
Owner = Annotated[UUID | None, FilterLookup("owner_id")]


class TaskFilter(Filter):
    status: TaskStatus | None = None
    priority: Priority | None = None
    project: Project = None
    team: Team = None
    owner: Owner = None
    assignee: Annotated[UUID | None, FilterLookup("assignee_id")] = None
    parent: Annotated[UUID | None, FilterLookup("parent_task_id")] = None


class NoteFilter(Filter):
    project: Project = None
    team: Team = None
    owner: Owner = None
    pinned: bool | None = None


class ProjectFilter(Filter):
    status: ProjectStatus | None = None
    team: Team = None
    owner: Owner = None


class TeamFilter(Filter):
    slug: Annotated[str, AfterValidator(_storable), Field(max_length=200)] | None = None


class UserFilter(Filter):
    role: UserRole | None = None
    is_active: bool | None = None


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


class ConversationFilter(Filter):
    status: Literal["open", "archived"] | None = None
    project: Project = None
    team: Team = None
    owner: Owner = None


class InsightFilter(Filter):
    kind: InsightKind | None = None
    project: Project = None
    team: Team = None
    owner: Owner = None


class InsightOut(RowOut):
    """An insight without its embedding: that is thousands of numbers, and only a search has a use for it."""

    owner_id: UUID
    team_id: UUID | None
    project_id: UUID | None
    kind: str
    content: str
    source_type: str
    source_id: str
    confidence: float | None
    embedding_model: str
    embedding_dim: int | None
    visibility: str


Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]  # `true` and "1" are none


class NearestIn(Strict):
    """`embedding` is made by the same model as those of the store; only insights of its dimension are compared."""

    embedding: Annotated[list[Number], Field(min_length=1, max_length=16_000)]
    limit: Annotated[int, Field(strict=True, ge=1, le=100)] = 10
    kind: InsightKind | None = None
    project: UUID | None = None
    team: UUID | None = None
    owner: UUID | None = None


class NearOut(InsightOut):
    distance: float  # cosine distance: 0 the same direction, 1 unrelated, 2 the opposite


class NearestOut(Schema):
    items: list[NearOut]


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


class HealthOut(Schema):
    status: Literal["ok"]


class TokensOut(Schema):
    known: int
    as_of: datetime | None
    is_current: bool


class StatusOut(Schema):
    state: str
    in_flight: int
    since_s: float
    tier: str
    store: str
    holder: str
    tokens: TokensOut
