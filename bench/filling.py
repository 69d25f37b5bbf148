"""Fill a control plane as an old, busy install has it: `python -m bench.filling [--jobs N] [--events N] [--spans N]`.

Writes into the database of the settings (MOSAIC_HOME's SQLite, or DATABASE_URL), by SQL alone.
"""

from __future__ import annotations

import argparse
import json
import os
from datetime import UTC, datetime

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mosaic_admin.settings")

import django

django.setup()

from django.core.management import call_command  # noqa: E402 - Django first
from django.db import connection  # noqa: E402

from doctor.models import Span  # noqa: E402
from migration.engine.model import (  # noqa: E402
    Action,
    CheckResult,
    CheckStatus,
    ColumnPlan,
    Decisions,
    EndpointFacts,
    Plan,
    TablePlan,
    Totals,
)
from migration.models import MigrationJob  # noqa: E402
from mosaic_admin.audit.models import Action as AuditAction  # noqa: E402
from mosaic_admin.people.models import ApiToken, User  # noqa: E402

TABLES = ("users", "teams", "team_members", "projects", "tasks", "notes", "conversations", "messages", "insights")
STATES = ("verified", "verified", "verified", "failed", "cancelled", "planned", "planned", "plan_failed", "rehearsed")
LIGHTS = ("green", "green", "green", "yellow", "red")
PEOPLE, TOKENS, REVISIONS, ACTIONS, WEBHOOKS = 2_000, 2_000, 2_000, 10_000, 20
EVENTS_OF_ONE, SAMPLES_OF_ONE = 20_000, 10_800  # a run of three hours


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=1_000_000, help="of the audit log")
    parser.add_argument("--spans", type=int, default=100_000, help="reports of the doctor, each unlike the one before")
    given = parser.parse_args()
    call_command("migrate", verbosity=0)
    fill_people()
    fill_tiers()
    fill_jobs(given.jobs)
    fill_spans(given.spans)
    fill_audit(given.events)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        if connection.vendor == "postgresql":  # what autovacuum does within minutes
            cursor.execute("VACUUM")


def _numbers(count: int, first: int = 0) -> str:
    """Return a `WITH` clause that makes the numbers as `n.i`."""
    if connection.vendor == "sqlite":
        last = first + count - 1
        return f"WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last})"
    return f"WITH n(i) AS (SELECT * FROM generate_series({first}, {first + count - 1}))"


def _minutes_ago(expression: str) -> str:
    if connection.vendor == "sqlite":
        return f"strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', '-' || ({expression}) || ' minutes')"
    return f"now() - ({expression}) * interval '1 minute'"


def _json(text: str) -> str:
    return f"'{text}'" if connection.vendor == "sqlite" else f"'{text}'::jsonb"


def _insert(table: str, columns: dict[str, str], count: int, *given: object, first: int = 0) -> None:
    """Write `count` rows; each column's expression may use `n.i`, and `%s` for what is given, in order."""
    names, values = ", ".join(columns), ", ".join(columns.values())
    statement = f"{_numbers(count, first)} INSERT INTO {table} ({names}) SELECT {values} FROM n"
    with connection.cursor() as cursor:
        cursor.execute(statement, list(given))


def _choose(words: tuple[str, ...], index: str = "n.i") -> str:
    cases = " ".join(f"WHEN {number} THEN '{word}'" for number, word in enumerate(words))
    return f"CASE ({index}) %% {len(words)} {cases} END"


def fill_people() -> None:
    person = {
        "username": "'person-' || n.i", "password": "'!'", "email": "'person-' || n.i || '@example.org'",
        "display_name": "'Person ' || n.i", "role": _choose(("support", "support", "operator")),
        "is_active": "n.i %% 7 <> 0", "created_at": _minutes_ago("n.i * 60"),
    }  # fmt: skip
    _insert(User._meta.db_table, person, PEOPLE)
    owner = User.objects.get(username="person-1")
    token = {
        "name": "'ci-' || n.i", "prefix": "'mosaic_' || n.i", "digest": "'digest-' || n.i", "created_by_id": "%s",
        "scopes": _json('["doctor:read"]'), "created_at": _minutes_ago("n.i * 60"),
        "revoked_at": f"CASE WHEN n.i %% 5 <> 0 THEN {_minutes_ago('n.i')} END",
    }  # fmt: skip
    _insert(ApiToken._meta.db_table, token, TOKENS, owner.pk)


def fill_tiers() -> None:
    from tiers.services import create_config

    document = {
        "version": 1,
        "tier": "federated",
        "storage": {"type": "postgres", "url": "postgresql://mosaic:x@127.0.0.1:5433/mosaic", "enableVector": True},
        "queue": {"type": "bullmq", "url": "redis://127.0.0.1:6380/0"},
        "memory": {"type": "pgvector"},
    }
    config = create_config(name="federated", document=document)
    body = json.dumps(document)
    revision = {
        "config_id": "%s", "number": "n.i", "action": "'edit'", "who": "'person-' || (n.i %% 50)", "why": "'because'",
        "before": _json(body), "after": _json(body), "has_new_secret": "n.i < 0", "at": _minutes_ago("5000 - n.i"),
    }  # fmt: skip
    _insert("tiers_tierconfigrevision", revision, REVISIONS, config.pk, first=2)
    action = {
        "verb": _choose(("up", "down", "restart")), "service": "''", "project": "'mosaic'", "state": "'done'",
        "version": "3", "output": "'line of output ' || n.i", "error_code": "''", "error_message": "''",
        "error_remediation": "''", "by_name": "'person-' || (n.i %% 50)", "created_at": _minutes_ago("20000 - n.i"),
    }  # fmt: skip
    _insert("compose_stackaction", action, ACTIONS)
    hook = {
        "target": "'hooks.example.org/' || n.i",
        "sealed": "''",
        "by": "'person-1'",
        "created_at": _minutes_ago("n.i"),
    }
    _insert("doctor_webhook", hook, WEBHOOKS)


def _plan() -> Plan:
    """Return a plan of the size that a real store's has."""
    columns = tuple(ColumnPlan(f"column{number}", f"column_{number}", "text", "text") for number in range(12))
    tables = tuple(
        TablePlan(name, name, Action.MIGRATE, rows=100_000, bytes=10_000_000, columns=columns, key=("id",))
        for name in TABLES
    )
    ends = [
        EndpointFacts(name, f"postgresql://mosaic@127.0.0.1/{name}", name, "18.1", "7", name, 9_000_000, "UTF8", "C")
        for name in ("standalone", "federated")
    ]
    check = CheckResult("MOS-MIG-001", "direction", CheckStatus.PASS, "standalone → federated")
    return Plan(
        *ends, tables=tables, checks=(check,) * 12, open_decisions=(), decisions=Decisions(),
        totals=Totals(tables=9, rows=900_000, bytes=90_000_000, skipped_tables=0, chunks=20),
        estimate={"copy": 1.0, "indexes": 0.5, "verify": 0.5}, made_at=datetime.now(UTC).isoformat(),
    )  # fmt: skip


def fill_jobs(count: int) -> None:
    """One run every five minutes, the newest now; one in a thousand has something of its own to look for."""
    plan = json.dumps(_plan().as_dict(), ensure_ascii=True).replace("%", "%%")
    identity = "printf('%%032x', n.i + 1)" if connection.vendor == "sqlite" else "gen_random_uuid()"
    rare = "CASE WHEN n.i %% 1000 = 7 THEN ' needle' ELSE '' END"
    job = {
        "number": "n.i + 1", "kind": "'migration'", "scratch_database": "''", "state": _choose(STATES),
        "phase": "'copy'", "version": "9", "attempt": "1", "resumes": "0", "lost_workers": "0", "run_id": identity,
        "source_document": _json('{"tier": "standalone"}'), "source_base_dir": "''",
        "source_label": "'host-' || (n.i %% 97)", "source_tier": _choose(("standalone", "local")),
        "target_document": _json('{"tier": "federated"}'), "target_base_dir": "''", "target_label": "'federated'",
        "target_key": "'7/mosaic'", "target_name": "'mosaic@127.0.0.1:5433'", "decisions": _json("{}"),
        "options": _json("{}"), "plan": "%s" if connection.vendor == "sqlite" else "%s::jsonb",
        "plan_hash": "substr('0123456789abcdef0123456789abcdef', 1 + n.i %% 16, 16) || n.i", "rows_done": "n.i * 10",
        "rows_total": "n.i * 10", "bytes_done": "n.i * 100", "bytes_total": "n.i * 100", "lease_owner": "''",
        "control": "'none'", "error_code": f"CASE WHEN {_choose(STATES)} = 'failed' THEN 'MOS-MIG-107' ELSE '' END",
        "error_message": "''", "error_remediation": "''", "is_error_final": "n.i < 0",
        "created_by_name": "'person-' || (n.i %% 99)", "started_by_name": "'person-' || (n.i %% 50)",
        "created_at": _minutes_ago(f"({count} - n.i) * 5"), "noticed": "''", "search_text":
        f"'host-' || (n.i %% 97) || ' federated mosaic@127.0.0.1 {' '.join(TABLES)} person-' || (n.i %% 99) || {rare}",
    }  # fmt: skip
    _insert(MigrationJob._meta.db_table, job, count, plan.replace("%%", "%"))
    with connection.cursor() as cursor:  # as the schema migration that made the table did it for the runs of then
        cursor.execute(
            "INSERT INTO migration_runwords (job_id, text) SELECT number, lower(search_text || ' ' || error_code ||"
            " ' ' || started_by_name) FROM migration_migrationjob"
        )
    first, newest = (MigrationJob.objects.order_by(order).values_list("pk", flat=True)[0] for order in ("pk", "-pk"))
    event = {"job_id": f"{first} + n.i %% {count}", "at": _minutes_ago("n.i / 4"), "level": "'info'",
             "actor": "'person-1'", "message": "'Phase copy started'"}  # fmt: skip
    _insert("migration_migrationevent", event, count * 4)
    _insert("migration_migrationevent", event | {"job_id": str(newest)}, EVENTS_OF_ONE)
    sample = {"job_id": str(newest), "at": _minutes_ago("n.i / 60"), "bytes_done": "n.i", "rows_done": "n.i",
              "rate": "1e6 + n.i"}  # fmt: skip
    _insert("migration_migrationsample", sample, SAMPLES_OF_ONE)


def fill_spans(count: int) -> None:
    """Reports that flap: each says something else than the one before, so that none can be folded into another."""
    finding = {"probe": "tcp", "service": "postgres", "status": "pass", "code": None, "message": "It answers at once.",
               "remediation": None, "docs": None, "duration_ms": 3, "caused_by": None, "suppressed": None}  # fmt: skip
    service = {"name": "postgres", "required": True, "status": "pass", "version": "18.1", "endpoint": "127.0.0.1:5433",
               "duration_ms": 31}  # fmt: skip
    findings = [finding | {"probe": f"probe-{number}"} for number in range(30)]
    body = {"schema_version": "1", "tier": "federated", "status": "green", "duration_ms": 40, "services": [service] * 4,
            "findings": findings, "summary": {"text": "30 pass", "root_cause": None, "suppressed": 0}}  # fmt: skip
    span = {
        "fingerprint": "'f-' || n.i", "light": _choose(LIGHTS), "tier": "'federated'",
        "root_code": f"CASE {_choose(LIGHTS)} WHEN 'red' THEN 'MOS-PG-002' ELSE '' END",
        "started_at": _minutes_ago(f"{count} - n.i + 1"), "seen_at": _minutes_ago(f"{count} - n.i"), "suppressed": "0",
        "runs": "1", "body": _json(json.dumps(body)), "evidence": _json("{}"),
    }  # fmt: skip
    _insert(Span._meta.db_table, span, count)


def fill_audit(count: int) -> None:
    """One event a minute: a hundred people, one of them rare; the actions in turn."""
    event = {
        "at": _minutes_ago(f"{count} - n.i"), "action": _choose(tuple(AuditAction.values), "n.i * 7"),
        "who": "CASE WHEN n.i %% 100000 = 7 THEN 'rare' ELSE 'person-' || (n.i %% 99) END", "role": "'operator'",
        "channel": "'web'", "address": "'192.0.2.7'", "subject": "'run #' || n.i", "link": "''", "why": "''",
        "error_code": "''", "after": _json('{"tier": "federated"}'),
    }  # fmt: skip
    _insert("audit_auditevent", event, count)


if __name__ == "__main__":
    main()
