"""The canonical Mosaic tables. Every NOT NULL column has a default in the database, required references apart.

Django drops ordinary defaults after a migration, and a COPY that does not name the column would then fail.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower, Now

from store import enums
from store.fields import Check, EmbeddingField, NumericField, json_object, one_of


class NewId(models.Func):
    """`gen_random_uuid()`, in the server since PostgreSQL 13."""

    function = "gen_random_uuid"
    template = "%(function)s()"
    output_field = models.UUIDField()


def _text(default: str = "") -> models.TextField[str, str]:
    return models.TextField(db_default=default, blank=True)


def _reference(to: str, **options: Any) -> Any:
    return models.ForeignKey(to, on_delete=models.PROTECT, related_name="+", **options)


def _optional(to: str) -> Any:
    return _reference(to, null=True, blank=True)


def _labels() -> Any:
    return ArrayField(models.TextField(), db_default=models.Value([]), blank=True)


def _metadata() -> Any:
    return models.JSONField(db_default=models.Value({}, models.JSONField()), blank=True)


class StoreRow(models.Model):
    """What every table has. `origin_id` is the source's id where that was not a uuid."""

    id = models.UUIDField(primary_key=True, db_default=NewId())
    origin_id = models.TextField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


class User(StoreRow):
    email = _text()
    display_name = _text()
    handle = _text()
    role = _text("member")
    timezone = _text("UTC")
    locale = _text("en")
    is_active = models.BooleanField(db_default=True)

    class Meta:
        db_table = "users"
        constraints = [
            models.UniqueConstraint(Lower("email"), name="users_email_lower_unique"),
            one_of("users", "role", enums.USER_ROLES),
        ]
        indexes = [models.Index(fields=["-created_at", "id"], name="users_newest")]


class Team(StoreRow):
    name = _text()
    slug = _text()
    description = _text()

    class Meta:
        db_table = "teams"
        indexes = [models.Index(fields=["slug"], name="teams_slug")]


class TeamMember(StoreRow):
    team = _reference("store.Team")
    user = _reference("store.User")
    role = _text("member")
    joined_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "team_members"
        constraints = [one_of("team_members", "role", enums.TEAM_ROLES)]


class Project(StoreRow):
    team = _optional("store.Team")
    owner = _reference("store.User")
    name = _text()
    slug = _text()
    description = _text()
    status = _text("active")

    class Meta:
        db_table = "projects"
        constraints = [one_of("projects", "status", enums.PROJECT_STATUSES)]
        indexes = [models.Index(fields=["-created_at", "id"], name="projects_newest")]


class Task(StoreRow):
    project = _optional("store.Project")
    team = _optional("store.Team")
    owner = _reference("store.User")
    assignee = _optional("store.User")
    parent_task = _optional("self")
    title = _text("Untitled")
    description = _text()
    status = _text("todo")
    priority = _text("medium")
    due_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    position = NumericField(db_default=Decimal(0))
    labels = _labels()
    visibility = _text("private")
    metadata = _metadata()

    class Meta:
        db_table = "tasks"
        constraints = [
            Check(name="tasks_title_length", sql="char_length(title) BETWEEN 1 AND 500"),
            one_of("tasks", "status", enums.TASK_STATUSES),
            one_of("tasks", "priority", enums.PRIORITIES),
            one_of("tasks", "visibility", enums.VISIBILITIES),
            json_object("tasks", "metadata"),
        ]
        indexes = [
            models.Index(fields=["-created_at", "id"], name="tasks_newest"),
            models.Index(fields=["status", "due_at"], name="tasks_status_due"),
        ]


class Note(StoreRow):
    owner = _reference("store.User")
    team = _optional("store.Team")
    project = _optional("store.Project")
    title = _text()
    body = _text()
    body_format = _text("markdown")
    labels = _labels()
    pinned = models.BooleanField(db_default=False)
    visibility = _text("private")

    class Meta:
        db_table = "notes"
        constraints = [
            one_of("notes", "body_format", enums.BODY_FORMATS),
            one_of("notes", "visibility", enums.VISIBILITIES),
        ]
        indexes = [models.Index(fields=["-created_at", "id"], name="notes_newest")]


class Conversation(StoreRow):
    owner = _reference("store.User")
    team = _optional("store.Team")
    project = _optional("store.Project")
    title = _text()
    model = _text()
    status = _text("open")
    last_message_at = models.DateTimeField(null=True, blank=True)
    visibility = _text("private")

    class Meta:
        db_table = "conversations"
        constraints = [
            one_of("conversations", "status", enums.CONVERSATION_STATUSES),
            one_of("conversations", "visibility", enums.VISIBILITIES),
        ]
        indexes = [models.Index(fields=["-last_message_at", "id"], name="conversations_latest")]


class Message(StoreRow):
    """Order within a conversation: seq, then created_at, then id."""

    conversation = _reference("store.Conversation")
    seq = models.IntegerField(null=True, blank=True)
    role = _text("user")
    author = _optional("store.User")
    content = _text()
    token_count = models.IntegerField(null=True, blank=True)
    metadata = _metadata()

    class Meta:
        db_table = "messages"
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "seq"],
                condition=models.Q(seq__isnull=False),
                name="messages_conversation_seq_unique",
            ),
            one_of("messages", "role", enums.MESSAGE_ROLES),
            json_object("messages", "metadata"),
        ]
        indexes = [models.Index(fields=["conversation", "seq", "created_at", "id"], name="messages_order")]


class Insight(StoreRow):
    owner = _reference("store.User")
    team = _optional("store.Team")
    project = _optional("store.Project")
    kind = _text("fact")
    content = _text()
    source_type = _text()
    source_id = _text()
    confidence = models.FloatField(null=True, blank=True)
    embedding = EmbeddingField(null=True, blank=True)
    embedding_model = _text()
    embedding_dim = models.IntegerField(null=True, blank=True)
    content_sha256 = _text()
    visibility = _text("private")

    class Meta:
        db_table = "insights"
        constraints = [
            one_of("insights", "kind", enums.INSIGHT_KINDS),
            one_of("insights", "visibility", enums.VISIBILITIES),
            Check(name="insights_confidence_range", sql="confidence BETWEEN 0 AND 1"),
            Check(
                name="insights_embedding_dim",
                sql="cardinality(embedding) = embedding_dim",
                vector_sql="vector_dims(embedding) = embedding_dim",
            ),
        ]
        indexes = [models.Index(fields=["-created_at", "id"], name="insights_newest")]
