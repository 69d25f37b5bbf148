"""The store's tables as the engine fills them: types, rules and references, known without asking a target.

A dry run may not create anything, so they stand here; a test holds them equal to the schema that `store` creates.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """`allowed`: the words of its CHECK. `references`: the table whose id it holds. `required`: it has no default."""

    type: str
    is_nullable: bool = False
    allowed: tuple[str, ...] = ()
    references: str = ""
    required: bool = False


_TEXT = Column("text")
_TIME = Column("timestamp with time zone")
_TIME_OR_NULL = Column("timestamp with time zone", is_nullable=True)
_INT_OR_NULL = Column("integer", is_nullable=True)
_FLAG = Column("boolean")
_COMMON = {
    "id": Column("uuid"),
    "origin_id": Column("text", is_nullable=True),
    "created_at": _TIME,
    "updated_at": _TIME,
    "deleted_at": _TIME_OR_NULL,
}


def _words(*allowed: str) -> Column:
    return Column("text", allowed=allowed)


def _to(table: str) -> Column:
    return Column("uuid", references=table, required=True)


def _to_or_null(table: str) -> Column:
    return Column("uuid", is_nullable=True, references=table)


_VISIBILITY = _words("private", "team", "project")
_OWNED = {"owner_id": _to("users"), "team_id": _to_or_null("teams"), "project_id": _to_or_null("projects")}

TABLES: dict[str, dict[str, Column]] = {
    "users": {
        **_COMMON,
        "email": _TEXT,
        "display_name": _TEXT,
        "handle": _TEXT,
        "role": _words("owner", "admin", "member", "guest"),
        "timezone": _TEXT,
        "locale": _TEXT,
        "is_active": _FLAG,
    },
    "teams": {**_COMMON, "name": _TEXT, "slug": _TEXT, "description": _TEXT},
    "team_members": {
        **_COMMON,
        "team_id": _to("teams"),
        "user_id": _to("users"),
        "role": _words("lead", "member", "viewer"),
        "joined_at": _TIME,
    },
    "projects": {
        **_COMMON,
        "team_id": _to_or_null("teams"),
        "owner_id": _to("users"),
        "name": _TEXT,
        "slug": _TEXT,
        "description": _TEXT,
        "status": _words("active", "paused", "archived", "done"),
    },
    "tasks": {
        **_COMMON,
        **_OWNED,
        "assignee_id": _to_or_null("users"),
        "parent_task_id": _to_or_null("tasks"),
        "title": _TEXT,
        "description": _TEXT,
        "status": _words("todo", "in_progress", "blocked", "done", "cancelled"),
        "priority": _words("low", "medium", "high", "urgent"),
        "due_at": _TIME_OR_NULL,
        "completed_at": _TIME_OR_NULL,
        "position": Column("numeric"),
        "labels": Column("text[]"),
        "visibility": _VISIBILITY,
        "metadata": Column("jsonb"),
    },
    "notes": {
        **_COMMON,
        **_OWNED,
        "title": _TEXT,
        "body": _TEXT,
        "body_format": _words("markdown", "plain"),
        "labels": Column("text[]"),
        "pinned": _FLAG,
        "visibility": _VISIBILITY,
    },
    "conversations": {
        **_COMMON,
        **_OWNED,
        "title": _TEXT,
        "model": _TEXT,
        "status": _words("open", "archived"),
        "last_message_at": _TIME_OR_NULL,
        "visibility": _VISIBILITY,
    },
    "messages": {
        **_COMMON,
        "conversation_id": _to("conversations"),
        "seq": _INT_OR_NULL,
        "role": _words("system", "user", "assistant", "tool"),
        "author_id": _to_or_null("users"),
        "content": _TEXT,
        "token_count": _INT_OR_NULL,
        "metadata": Column("jsonb"),
    },
    "insights": {
        **_COMMON,
        **_OWNED,
        "kind": _words("fact", "preference", "decision", "summary"),
        "content": _TEXT,
        "source_type": _TEXT,
        "source_id": _TEXT,
        "confidence": Column("double precision", is_nullable=True),
        "embedding": Column("vector", is_nullable=True),
        "embedding_model": _TEXT,
        "embedding_dim": _INT_OR_NULL,
        "content_sha256": _TEXT,
        "visibility": _VISIBILITY,
    },
}

WORD_LENGTH = 63  # the longest label of a PostgreSQL enum: what is longer is a text, and may say anything
# Rules of the store over whole rows: what a source row must satisfy, in the store's column names (SQL, per table).
ROW_RULES: dict[str, tuple[tuple[str, str], ...]] = {
    "tasks": (
        ("a title of 1 to 500 characters", "char_length({title}) BETWEEN 1 AND 500"),
        ("metadata that is a JSON object", "jsonb_typeof({metadata}) = 'object'"),
    ),
    "messages": (("metadata that is a JSON object", "jsonb_typeof({metadata}) = 'object'"),),
    "insights": (
        ("a confidence between 0 and 1", "{confidence} BETWEEN 0 AND 1"),
        (
            "an embedding that pgvector takes: 1 to 16,000 numbers in one list, none of them missing, NaN or infinite",
            "cardinality({embedding}) BETWEEN 1 AND 16000 AND array_ndims({embedding}) = 1"
            " AND array_position({embedding}, NULL) IS NULL"
            " AND NOT {embedding} && '{{NaN,Infinity,-Infinity}}'::real[]",
        ),
        ("an embedding with embedding_dim numbers", "cardinality({embedding}) = {embedding_dim}"),
    ),
}
# Unique rules beside the primary keys: (table, expressions that must differ, condition).
UNIQUE_RULES: tuple[tuple[str, str, str], ...] = (
    ("users", "lower({email})", "true"),
    ("messages", "{conversation_id}, {seq}", "{seq} IS NOT NULL"),
)
