from __future__ import annotations

import pytest

from migration.engine.manifest import classify, is_secret
from migration.engine.model import Action, Decisions
from migration.engine.names import snake, target_column, target_table


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("teamId", "team_id"),
        ("dueAt", "due_at"),
        ("ownerID", "owner_id"),
        ("URLPath", "url_path"),
        ("oauth2Token", "oauth2_token"),
        ("isActive", "is_active"),
        ("already_snake", "already_snake"),
        ("contentSha256", "content_sha256"),
        ("TeamMembers", "team_members"),
        ("_prisma_migrations", "prisma_migrations"),
        ("id", "id"),
    ],
)
def test_the_generic_rule_proposes_snake_case(name: str, expected: str) -> None:
    assert snake(name) == expected


@pytest.mark.parametrize("name", ["team_members", "teamMembers", "TeamMembers"])
def test_tables_are_known_in_every_spelling(name: str) -> None:
    assert target_table(name) == "team_members"


@pytest.mark.parametrize(
    ("table", "name", "expected"),
    [
        ("tasks", "ownerID", "owner_id"),
        ("tasks", "parentTaskId", "parent_task_id"),
        ("insights", "contentSha256", "content_sha256"),
        ("users", "colour", None),
        ("users", "isActive", "is_active"),
    ],
)
def test_columns_are_known_by_an_explicit_map(table: str, name: str, expected: str | None) -> None:
    assert target_column(table, name) == expected


@pytest.mark.parametrize(
    "table",
    ["sessions", "userSessions", "accounts", "oauthAccounts", "verificationTokens", "passwordResetTokens", "twoFactor",
     "passkeys", "apiKeys", "adminTokens", "providerCredentials", "webhook_secrets", "jobs", "rate_limits", "cache",
     "__drizzle_migrations", "auditLogs", "federation_peers", "queue_jobs"],
)  # fmt: skip
def test_tables_of_secrets_and_bookkeeping_stay_behind_with_a_reason(table: str) -> None:
    action, reason = classify(table, Decisions())
    assert action is Action.SKIP
    assert reason


def test_no_decision_carries_a_table_of_secrets() -> None:
    assert classify("sessions", Decisions(carry_tables=("sessions",)))[0] is Action.SKIP


@pytest.mark.parametrize("table", ["agents", "missions", "preferences", "skills", "plugIns"])
def test_tables_nobody_knows_wait_for_a_decision(table: str) -> None:
    assert classify(table, Decisions())[0] is Action.UNDECIDED
    assert classify(table, Decisions(carry_tables=(table,)))[0] is Action.CARRY
    assert classify(table, Decisions(skip_tables={table: "old"})) == (Action.SKIP, "old")


@pytest.mark.parametrize("column", ["password_hash", "passwordHash", "totpSecret", "client_secret", "recoveryCodes"])
def test_secret_columns_are_recognised(column: str) -> None:
    assert is_secret(column)


@pytest.mark.parametrize("column", ["email", "token_count", "tokenCount", "secretary", "title"])
def test_ordinary_columns_are_not_taken_for_secrets(column: str) -> None:
    assert not is_secret(column)
