"""The table manifest: what is migrated, what is left behind and why (DESIGN §5). Anything else needs a decision."""

from __future__ import annotations

import re

from migration.engine.model import Action, Decisions
from migration.engine.names import snake, target_table

_ORIGIN = "bound to the old origin: people enrol again on the new one"
_SEALED = "sealed with the source's key: create it again on the federated gateway"
_ONE_TIME = "one-time secrets: a copy could be used twice"
_PASSWORDS = "password hashes and refresh tokens: people sign in again"  # a reason, not a password
_BOOKKEEPING = "schema bookkeeping of the source: the store has its own"
_EPHEMERAL = "queue, job, cache and rate-limit rows: they live for minutes"
_AUDIT = "an audit log: a copy breaks its authorship, export it instead"
_FEDERATION = "bound to one gateway: federation starts afresh"

_SKIP: tuple[tuple[str, str], ...] = (
    (r"(user_)?sessions?", "bearer secrets: copying them logs people in on a new origin"),
    (r"(oauth_)?accounts?|oauth_(access_tokens?|refresh_tokens?|applications?|consents?)", _PASSWORDS),
    (r"verifications?|verification_tokens?|password_reset(s|_tokens?)|magic_links?", _ONE_TIME),
    (r"two_factors?|passkeys?|webauthn_credentials?", _ORIGIN),
    (r"api_?keys?|admin_tokens?|access_tokens?|provider_credentials?|webhook_secrets?", _SEALED),
    # exact names only: a pattern like .*_jobs would drop somebody's own table without a question
    (r"queues?|jobs?|queue_jobs?|job_(queues?|runs?|locks?|caches?)|caches?|cache_entries|rate_limits?", _EPHEMERAL),
    (r"(__)?drizzle_.*|_prisma_migrations|schema_migrations|django_migrations|knex_.*|migrations", _BOOKKEEPING),
    (r"audit_?logs?|audit_events?|audit", _AUDIT),
    (r"federation_.*", _FEDERATION),
)
SKIP = tuple((re.compile(pattern), reason) for pattern, reason in _SKIP)
SECRET_REASON = "a secret of the old origin: refused even inside a table that is migrated"  # noqa: S105
_SECRET = re.compile(
    r"password(_hash|_digest|_salt)?|passwd|.*_secret|secret|.*_secrets|recovery_codes?|backup_codes?|totp.*"
    r"|token|(access|refresh|id|reset|session|api|bearer)_token|token_hash|api_key|key_hash|private_key|.*_password|.*_password_hash"
)
BOOKKEEPING_SCHEMAS = ("drizzle", "mosaic_migration", "pgboss", "graphile_worker")


def is_secret(column: str) -> bool:
    """Say whether a column holds a secret by its name; whatever spelling it has."""
    return _SECRET.fullmatch(snake(column)) is not None


def skip_reason(table: str) -> str | None:
    """Return why a source table stays behind by the manifest itself; None when it says nothing."""
    if table.startswith("__"):
        return _BOOKKEEPING
    name = snake(table)
    return next((reason for pattern, reason in SKIP if pattern.fullmatch(name)), None)


def classify(table: str, decisions: Decisions, *, schema: str = "public") -> tuple[Action, str]:
    """Return what happens to a source table, and why. A decision never lifts a SKIP of the manifest."""
    if schema in BOOKKEEPING_SCHEMAS:
        return Action.SKIP, _BOOKKEEPING
    name = table if schema == "public" else f"{schema}.{table}"
    if (reason := skip_reason(table)) is not None:
        return Action.SKIP, reason
    if name in decisions.skip_tables:
        return Action.SKIP, decisions.skip_tables[name] or "left behind by decision"
    if schema == "public" and target_table(table) is not None:
        return Action.MIGRATE, ""
    if name in decisions.carry_tables and schema == "public":
        return Action.CARRY, "carried by decision: created from the source's catalog"
    return Action.UNDECIDED, ""
