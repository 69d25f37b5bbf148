"""The addresses under /v1: the store's data."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status

from gateway import records, schemas, searching, sessions
from gateway.records import DEFAULT_PAGE, MAX_PAGE, Page, Row
from store.models import Conversation, Note, Project, Task, Team, User

router = Router()


class PageQuery(Schema):
    cursor: Annotated[str | None, Field(max_length=400)] = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE


def _list(rows: QuerySet[Row], page: PageQuery, **filters: Any) -> Page[Row]:
    wanted = {name: value for name, value in filters.items() if value is not None}
    return records.list_page(rows.filter(**wanted), cursor=page.cursor, limit=page.limit)


@router.get("/tasks", response=schemas.PageOut[schemas.TaskOut], summary="List tasks, newest first")
def list_tasks(request: HttpRequest, page: Query[PageQuery], only: Query[schemas.TaskFilter]) -> Any:
    return _list(Task.objects.all(), page, status=only.status, project_id=only.project, assignee_id=only.assignee)


@router.post("/tasks", response={201: schemas.TaskOut}, summary="Create a task")
def create_task(request: HttpRequest, body: schemas.TaskIn) -> Any:
    return Status(201, records.create_row(Task, body.dict()))


@router.get("/tasks/{uuid:task_id}", response=schemas.TaskOut, summary="Show a task")
def get_task(request: HttpRequest, task_id: UUID) -> Any:
    return records.get_row(Task.objects.all(), task_id)


@router.patch("/tasks/{uuid:task_id}", response=schemas.TaskOut, summary="Change some members of a task")
def update_task(request: HttpRequest, task_id: UUID, body: schemas.TaskPatch) -> Any:
    return records.update_row(Task, task_id, body.dict(exclude_unset=True))


@router.delete("/tasks/{uuid:task_id}", response={204: None}, summary="Delete a task (it stays, marked as deleted)")
def delete_task(request: HttpRequest, task_id: UUID) -> Any:
    records.delete_row(Task, task_id)
    return Status(204, None)


@router.get("/notes", response=schemas.PageOut[schemas.NoteOut], summary="List notes, newest first")
def list_notes(request: HttpRequest, page: Query[PageQuery], only: Query[schemas.NoteFilter]) -> Any:
    return _list(Note.objects.all(), page, project_id=only.project, owner_id=only.owner, pinned=only.pinned)


@router.post("/notes", response={201: schemas.NoteOut}, summary="Create a note")
def create_note(request: HttpRequest, body: schemas.NoteIn) -> Any:
    return Status(201, records.create_row(Note, body.dict()))


@router.get("/notes/{uuid:note_id}", response=schemas.NoteOut, summary="Show a note")
def get_note(request: HttpRequest, note_id: UUID) -> Any:
    return records.get_row(Note.objects.all(), note_id)


@router.patch("/notes/{uuid:note_id}", response=schemas.NoteOut, summary="Change some members of a note")
def update_note(request: HttpRequest, note_id: UUID, body: schemas.NotePatch) -> Any:
    return records.update_row(Note, note_id, body.dict(exclude_unset=True))


@router.delete("/notes/{uuid:note_id}", response={204: None}, summary="Delete a note (it stays, marked as deleted)")
def delete_note(request: HttpRequest, note_id: UUID) -> Any:
    records.delete_row(Note, note_id)
    return Status(204, None)


@router.get("/projects", response=schemas.PageOut[schemas.ProjectOut], summary="List projects, newest first")
def list_projects(request: HttpRequest, page: Query[PageQuery]) -> Any:
    return _list(Project.objects.all(), page)


@router.get("/teams", response=schemas.PageOut[schemas.TeamOut], summary="List teams, newest first")
def list_teams(request: HttpRequest, page: Query[PageQuery]) -> Any:
    return _list(Team.objects.all(), page)


@router.get("/users", response=schemas.PageOut[schemas.UserOut], summary="List users, newest first")
def list_users(request: HttpRequest, page: Query[PageQuery]) -> Any:
    return _list(User.objects.all(), page)


@router.get(
    "/conversations", response=schemas.PageOut[schemas.ConversationOut], summary="List conversations, newest first"
)
def list_conversations(request: HttpRequest, page: Query[PageQuery], only: Query[schemas.ConversationFilter]) -> Any:
    rows = Conversation.objects.all()
    return _list(rows, page, owner_id=only.owner, project_id=only.project, status=only.status)


@router.post("/conversations", response={201: schemas.ConversationOut}, summary="Open a conversation")
def open_conversation(request: HttpRequest, body: schemas.ConversationIn) -> Any:
    return Status(201, sessions.open_conversation(body.dict()))


@router.get("/conversations/{uuid:conversation_id}", response=schemas.ConversationOut, summary="Show a conversation")
def get_conversation(request: HttpRequest, conversation_id: UUID) -> Any:
    return records.get_row(Conversation.objects.all(), conversation_id)


@router.post(
    "/conversations/{uuid:conversation_id}/close", response=schemas.ConversationOut, summary="Close a conversation"
)
def close_conversation(request: HttpRequest, conversation_id: UUID) -> Any:
    return sessions.close_conversation(conversation_id)


@router.get(
    "/conversations/{uuid:conversation_id}/messages",
    response=schemas.PageOut[schemas.MessageOut],
    summary="Read a conversation's messages in their order",
)
def list_messages(request: HttpRequest, conversation_id: UUID, page: Query[PageQuery]) -> Any:
    return sessions.list_messages(conversation_id, cursor=page.cursor, limit=page.limit)


@router.post(
    "/conversations/{uuid:conversation_id}/messages",
    response={201: schemas.MessageOut},
    summary="Append a message to a conversation",
)
def append_message(request: HttpRequest, conversation_id: UUID, body: schemas.MessageIn) -> Any:
    return Status(201, sessions.append_message(conversation_id, body.dict()))


@router.get("/search", response=schemas.SearchOut, summary="Search tasks, notes and messages for words")
def search(request: HttpRequest, query: Query[schemas.SearchQuery]) -> Any:
    return {"items": searching.search(query.q, query.kind, limit=query.limit)}
