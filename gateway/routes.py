"""The addresses under /v1: the store's data."""

from __future__ import annotations

import importlib
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Status

from gateway import runtime, schemas, searching, sessions
from gateway.access import READ, WRITE
from gateway.collections import ERRORS, Collection, add_collection, refuse_unknown
from gateway.errors import NoVectorsError
from store.models import Conversation, Insight, Note, Project, Task, Team, User

COLLECTIONS = (
    Collection("tasks", "task", Task, schemas.TaskOut, schemas.TaskFilter, schemas.TaskIn, schemas.TaskPatch),
    Collection("notes", "note", Note, schemas.NoteOut, schemas.NoteFilter, schemas.NoteIn, schemas.NotePatch),
    Collection("projects", "project", Project, schemas.ProjectOut, schemas.ProjectFilter),
    Collection("teams", "team", Team, schemas.TeamOut, schemas.TeamFilter),
    Collection("users", "user", User, schemas.UserOut, schemas.UserFilter),
    Collection("conversations", "conversation", Conversation, schemas.ConversationOut, schemas.ConversationFilter),
    Collection("insights", "insight", Insight, schemas.InsightOut, schemas.InsightFilter, hidden=("embedding",)),
)

router = Router()
for collection in COLLECTIONS:
    add_collection(router, collection, read=READ, write=WRITE)


@router.post(
    "/conversations",
    response={201: schemas.ConversationOut, **ERRORS},
    summary="Open a conversation",
    operation_id="open_conversation",
    auth=WRITE,
)
def open_conversation(request: HttpRequest, body: schemas.ConversationIn) -> Any:
    return Status(201, sessions.open_conversation(body.dict()))


@router.post(
    "/conversations/{uuid:conversation_id}/close",
    response={200: schemas.ConversationOut, **ERRORS},
    summary="Close a conversation",
    operation_id="close_conversation",
    auth=WRITE,
)
def close_conversation(request: HttpRequest, conversation_id: UUID) -> Any:
    return sessions.close_conversation(conversation_id)


@router.get(
    "/conversations/{uuid:conversation_id}/messages",
    response={200: schemas.PageOut[schemas.MessageOut], **ERRORS},
    summary="Read a conversation's messages in their order",
    operation_id="list_messages",
    auth=READ,
)
def list_messages(request: HttpRequest, conversation_id: UUID, page: Query[schemas.PageQuery]) -> Any:
    refuse_unknown(request, schemas.PageQuery)
    return sessions.list_messages(conversation_id, cursor=page.cursor, limit=page.limit)


@router.post(
    "/conversations/{uuid:conversation_id}/messages",
    response={201: schemas.MessageOut, **ERRORS},
    summary="Append a message to a conversation",
    operation_id="append_message",
    auth=WRITE,
)
def append_message(request: HttpRequest, conversation_id: UUID, body: schemas.MessageIn) -> Any:
    return Status(201, sessions.append_message(conversation_id, body.dict()))


@router.get(
    "/search",
    response={200: schemas.SearchOut, **ERRORS},
    summary="Search tasks, notes and messages for words",
    operation_id="search",
    auth=READ,
)
def search(request: HttpRequest, query: Query[schemas.SearchQuery]) -> Any:
    refuse_unknown(request, schemas.SearchQuery)
    return {"items": searching.search(query.q, query.kind, limit=query.limit)}


@router.post(
    "/insights/nearest",
    response={200: schemas.NearestOut, **ERRORS},
    summary="Find the insights nearest to an embedding (federated tier)",
    operation_id="nearest_insights",
    auth=READ,
)
def nearest_insights(request: HttpRequest, body: schemas.NearestIn) -> Any:
    if not runtime.current().has_vector:
        raise NoVectorsError(
            f"The {runtime.current().tier} tier keeps no vectors to search by.",
            remediation="Search by words instead: GET /v1/search?q=…. Vectors come with the federated tier.",
        )
    nearest = importlib.import_module("gateway.nearest")  # other tiers never load what knows of pgvector
    columns = {"kind": body.kind, "project_id": body.project, "team_id": body.team, "owner_id": body.owner}
    wanted = {name: value for name, value in columns.items() if value is not None}
    return {"items": nearest.find_nearest(body.embedding, limit=body.limit, **wanted)}
