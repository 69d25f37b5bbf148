"""Small, nasty source stores, and what a test needs to know about them. See README.md in this folder."""

from __future__ import annotations

from pathlib import Path

import psycopg

SOURCES = ("snake", "camel", "mixed")
CANARY = "CANARY-"  # every secret of every source starts with it
CANONICAL = (
    "users", "teams", "team_members", "projects", "tasks", "notes", "conversations", "messages", "insights"
)  # fmt: skip
OWN_TABLES = ("agents", "skill_runs")  # to be carried with --carry-table
SKIPPED = (
    "sessions", "accounts", "oauth_accounts", "verification_tokens", "api_keys", "two_factor", "__drizzle_migrations",
    "audit_log", "job_cache",
)  # fmt: skip
UNKNOWN_COLUMN = {"snake": "legacy_ref", "camel": "legacyRef", "mixed": "legacyRef"}  # of tasks
SECRET_COLUMN = {"snake": "password_hash", "camel": "passwordHash", "mixed": "password_hash"}  # of users
UNKNOWN_VALUES = {"mixed": {("tasks", "status"): {"not-started": "todo"}}}  # --map-value tasks.status:not-started=todo
TEXT_ID_TABLES = {"mixed": ("teams",)}  # ids that are no uuids; every team_id refers to them


def load_source(url: str, name: str) -> None:
    """Load one of SOURCES into the empty database behind `url`."""
    text = (Path(__file__).parent / f"{name}.sql").read_text(encoding="utf-8")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(text.encode())
