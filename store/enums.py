"""The words that the store's enumerated columns know, readable without Django."""

from __future__ import annotations

USER_ROLES = ("owner", "admin", "member", "guest")
TEAM_ROLES = ("lead", "member", "viewer")
PROJECT_STATUSES = ("active", "paused", "archived", "done")
TASK_STATUSES = ("todo", "in_progress", "blocked", "done", "cancelled")
PRIORITIES = ("low", "medium", "high", "urgent")
VISIBILITIES = ("private", "team", "project")
BODY_FORMATS = ("markdown", "plain")
CONVERSATION_STATUSES = ("open", "archived")
MESSAGE_ROLES = ("system", "user", "assistant", "tool")
INSIGHT_KINDS = ("fact", "preference", "decision", "summary")
