"""The canonical tables as plain data, for code without Django. A test proves it equal to the migrated schema."""

from __future__ import annotations

from dataclasses import dataclass

from store import enums

BOOKKEEPING = frozenset({"django_migrations"})  # tables of the store's schema that hold no data of the install


@dataclass(frozen=True)
class ColumnSpec:
    """One column; `type` is PostgreSQL's own name for it, `vector_type` the one on the federated tier."""

    name: str
    type: str
    nullable: bool = False
    has_default: bool = True
    references: str | None = None
    values: tuple[str, ...] = ()
    vector_type: str = ""

    def type_on(self, *, enable_vector: bool) -> str:
        return self.vector_type if enable_vector and self.vector_type else self.type


@dataclass(frozen=True)
class CheckSpec:
    """One CHECK as written in the schema; `vector_sql` takes its place on the federated tier."""

    name: str
    sql: str
    vector_sql: str = ""

    def sql_on(self, *, enable_vector: bool) -> str:
        return self.vector_sql if enable_vector and self.vector_sql else self.sql


@dataclass(frozen=True)
class TableSpec:
    """One table. `checks` leaves out those of enumerated columns: `ColumnSpec.values` has them."""

    name: str
    columns: tuple[ColumnSpec, ...]
    checks: tuple[CheckSpec, ...] = ()
    primary_key: tuple[str, ...] = ("id",)

    def column(self, name: str) -> ColumnSpec | None:
        return next((column for column in self.columns if column.name == name), None)

    @property
    def references(self) -> dict[str, str]:
        """Return column → table for every column that refers to a table's id."""
        return {column.name: column.references for column in self.columns if column.references}


def _text(name: str, values: tuple[str, ...] = ()) -> ColumnSpec:
    return ColumnSpec(name, "text", values=values)


def _maybe(name: str, type_: str) -> ColumnSpec:
    return ColumnSpec(name, type_, nullable=True, has_default=False)


def _reference(name: str, table: str) -> ColumnSpec:
    return ColumnSpec(name, "uuid", has_default=False, references=table)


def _optional(name: str, table: str) -> ColumnSpec:
    return ColumnSpec(name, "uuid", nullable=True, has_default=False, references=table)


TIMESTAMP = "timestamp with time zone"
_ROW = (
    ColumnSpec("id", "uuid"),
    _maybe("origin_id", "text"),
    ColumnSpec("created_at", TIMESTAMP),
    ColumnSpec("updated_at", TIMESTAMP),
    _maybe("deleted_at", TIMESTAMP),
)
_SCOPE = (_reference("owner_id", "users"), _optional("team_id", "teams"), _optional("project_id", "projects"))
_VISIBILITY = _text("visibility", enums.VISIBILITIES)
_LABELS = ColumnSpec("labels", "text[]")
_METADATA = ColumnSpec("metadata", "jsonb")


def _object(table: str) -> CheckSpec:
    return CheckSpec(f"{table}_metadata_object", "jsonb_typeof(metadata) = 'object'")


USERS = TableSpec(
    "users",
    (
        *_ROW,
        *map(_text, ("email", "display_name", "handle")),
        _text("role", enums.USER_ROLES),
        *map(_text, ("timezone", "locale")),
        ColumnSpec("is_active", "boolean"),
    ),
)
TEAMS = TableSpec("teams", (*_ROW, *map(_text, ("name", "slug", "description"))))
TEAM_MEMBERS = TableSpec(
    "team_members",
    (
        *_ROW,
        _reference("team_id", "teams"),
        _reference("user_id", "users"),
        _text("role", enums.TEAM_ROLES),
        ColumnSpec("joined_at", TIMESTAMP),
    ),
)
PROJECTS = TableSpec(
    "projects",
    (
        *_ROW,
        _optional("team_id", "teams"),
        _reference("owner_id", "users"),
        *map(_text, ("name", "slug", "description")),
        _text("status", enums.PROJECT_STATUSES),
    ),
)
TASKS = TableSpec(
    "tasks",
    (
        *_ROW,
        *_SCOPE,
        _optional("assignee_id", "users"),
        _optional("parent_task_id", "tasks"),
        *map(_text, ("title", "description")),
        _text("status", enums.TASK_STATUSES),
        _text("priority", enums.PRIORITIES),
        _maybe("due_at", TIMESTAMP),
        _maybe("completed_at", TIMESTAMP),
        ColumnSpec("position", "numeric"),
        _LABELS,
        _VISIBILITY,
        _METADATA,
    ),
    checks=(CheckSpec("tasks_title_length", "char_length(title) BETWEEN 1 AND 500"), _object("tasks")),
)
NOTES = TableSpec(
    "notes",
    (
        *_ROW,
        *_SCOPE,
        *map(_text, ("title", "body")),
        _text("body_format", enums.BODY_FORMATS),
        _LABELS,
        ColumnSpec("pinned", "boolean"),
        _VISIBILITY,
    ),
)
CONVERSATIONS = TableSpec(
    "conversations",
    (
        *_ROW,
        *_SCOPE,
        *map(_text, ("title", "model")),
        _text("status", enums.CONVERSATION_STATUSES),
        _maybe("last_message_at", TIMESTAMP),
        _VISIBILITY,
    ),
)
MESSAGES = TableSpec(
    "messages",
    (
        *_ROW,
        _reference("conversation_id", "conversations"),
        _maybe("seq", "integer"),
        _text("role", enums.MESSAGE_ROLES),
        _optional("author_id", "users"),
        _text("content"),
        _maybe("token_count", "integer"),
        _METADATA,
    ),
    checks=(_object("messages"),),
)
INSIGHTS = TableSpec(
    "insights",
    (
        *_ROW,
        *_SCOPE,
        _text("kind", enums.INSIGHT_KINDS),
        *map(_text, ("content", "source_type", "source_id")),
        _maybe("confidence", "double precision"),
        ColumnSpec("embedding", "real[]", nullable=True, has_default=False, vector_type="vector"),
        _text("embedding_model"),
        _maybe("embedding_dim", "integer"),
        _text("content_sha256"),
        _VISIBILITY,
    ),
    checks=(
        CheckSpec("insights_confidence_range", "confidence BETWEEN 0 AND 1"),
        CheckSpec(
            "insights_embedding_dim",
            "cardinality(embedding) = embedding_dim",
            "vector_dims(embedding) = embedding_dim",
        ),
    ),
)

# referred-to tables come first, so that this is a valid order to load and the reverse a valid order to empty
TABLES = (USERS, TEAMS, TEAM_MEMBERS, PROJECTS, TASKS, NOTES, CONVERSATIONS, MESSAGES, INSIGHTS)
BY_NAME = {table.name: table for table in TABLES}
