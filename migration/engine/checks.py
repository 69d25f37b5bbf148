"""Preflight checks: is this pair of ends fit for a migration right now? Pure judgements over what was measured.

A fault that the doctor knows has the doctor's code here as well.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from doctor import codes as doctor_codes
from migration import codes
from migration.engine.facts import Situation
from migration.engine.model import CheckResult, CheckStatus, Decisions, Endpoint
from migration.errors import DirectionError
from mosaic_admin.codes import Code
from store import codes as store_codes
from store.ledger import LockHolder
from store.ledger_owner import owner_words

MIN_SOURCE, MIN_TARGET, MAX_TARGET = 14, 17, 18
SESSIONS_NEEDED = 6  # two copiers, the snapshot, the lock, verification, and one to spare
TARGET_ROOM = 1.5  # data, then the indexes, then the write-ahead log between two checkpoints
LARGE_VALUE = 64 * 1024 * 1024

PASS, WARN, FAIL = CheckStatus.PASS, CheckStatus.WARN, CheckStatus.FAIL


def refuse_direction(source: Endpoint, target: Endpoint) -> None:
    """Raise DirectionError unless this is local or standalone → federated; before anything connects."""
    tiers = (str(source.config.tier), str(target.config.tier))
    if tiers[0] not in ("local", "standalone") or tiers[1] != "federated":
        raise DirectionError(
            f"A migration goes from a local or standalone store to a federated one, not {tiers[0]} → {tiers[1]}.",
            remediation="Choose a local or standalone configuration as the source and a federated one as the target.",
        )


def refuse_same_database(source: Situation, target: Situation) -> None:
    ends = [(end.facts.system_id, end.facts.database) for end in (source, target)]
    if ends[0] == ends[1]:
        raise DirectionError(
            f"Source and target are the same database ({source.facts.database}, system {source.facts.system_id}).",
            remediation="Point the target's storage.url at an empty database of its own, then plan again.",
        )


def run_checks(
    source: Situation, target: Situation, decisions: Decisions, holders: dict[str, list[LockHolder]]
) -> list[CheckResult]:
    tiers = f"{source.facts.tier} → {target.facts.tier}"
    return [
        CheckResult(codes.DIRECTION.id, "direction", PASS, tiers),
        *_versions(source, target),
        *_encodings(source, target),
        _vector(target),
        _pooler(source, "source"),
        _pooler(target, "target"),
        _sessions(source, "source", decisions),
        _sessions(target, "target", decisions),
        _locks(holders),
        _room(source, target),
        *(_connections(end, name) for end, name in ((source, "source"), (target, "target"))),
        _rights(target),
        *_ledger(target),
    ]


def _result(
    code: Code, name: str, ok: bool, message: str, remediation: str, *, otherwise: CheckStatus = FAIL
) -> CheckResult:
    return CheckResult(code.id, name, PASS if ok else otherwise, message, "" if ok else remediation)


def _versions(source: Situation, target: Situation) -> Iterable[CheckResult]:
    yield _result(
        doctor_codes.PG_TOO_OLD,
        "source version",
        source.version_num // 10_000 >= MIN_SOURCE,
        f"PostgreSQL {source.facts.version}",
        f"Upgrade the source's server to PostgreSQL {MIN_SOURCE} or later (pg_upgrade), then plan again.",
    )
    is_newer = target.version_num // 10_000 > MAX_TARGET
    yield _result(
        doctor_codes.PG_UNTRIED if is_newer else doctor_codes.PG_TOO_OLD,
        "target version",
        MIN_TARGET <= target.version_num // 10_000 <= MAX_TARGET,
        f"PostgreSQL {target.facts.version}",
        f"Point the target's storage.url at a PostgreSQL {MIN_TARGET} or {MAX_TARGET}, then plan again.",
    )


def _encodings(source: Situation, target: Situation) -> Iterable[CheckResult]:
    ends = (source.facts.encoding, target.facts.encoding)
    yield _result(
        doctor_codes.PG_ENCODING,
        "encoding",
        ends == ("UTF8", "UTF8"),
        f"{ends[0]} → {ends[1]}",
        "Create the database with ENCODING 'UTF8' TEMPLATE template0; a source of another encoding needs a UTF-8 copy.",
    )
    collations = (source.facts.collation, target.facts.collation)
    yield _result(
        codes.COLLATION,
        "collation",
        collations[0] == collations[1],
        f"{collations[0]} → {collations[1]}",
        "Nothing to do: only the order of sorted texts can change.",
        otherwise=WARN,
    )


def _vector(target: Situation) -> CheckResult:
    name = "pgvector on the target"
    if not target.vector_works:
        fix = "Install pgvector again on the target's server, for its own PostgreSQL version, then plan again."
        message = "the server has pgvector and cannot load its library"
        return CheckResult(doctor_codes.PGV_BROKEN.id, name, FAIL, message, fix)
    if target.facts.pgvector:
        return CheckResult(doctor_codes.PGV_NOT_ENABLED.id, name, PASS, f"enabled, {target.facts.pgvector}")
    if not target.vector_available:
        fix = "Install pgvector on the target's server, or use the image pgvector/pgvector:pg17."
        message = "the server has no pgvector library"
        return CheckResult(doctor_codes.PGV_LIBRARY_MISSING.id, name, FAIL, message, fix)
    if not target.is_superuser:
        fix = f"Let a superuser run once: CREATE EXTENSION vector; -- in database {target.facts.database}"
        message = "not enabled, and this role may not enable it"
        return CheckResult(doctor_codes.PGV_NOT_PERMITTED.id, name, FAIL, message, fix)
    return CheckResult(doctor_codes.PGV_NOT_ENABLED.id, name, PASS, f"will be enabled ({target.vector_available})")


def _pooler(end: Situation, name: str) -> CheckResult:
    return _result(
        doctor_codes.PG_POOLER,
        f"direct connection to the {name}",
        not end.is_pooled,
        "a transaction pooler answers" if end.is_pooled else "direct",
        f"Set storage.url of the {name} to the server's own port (5432), not the pooler's.",
    )


def _sessions(end: Situation, name: str, decisions: Decisions) -> CheckResult:
    found = end.other_sessions
    shown = ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
    return _result(
        codes.SESSIONS,
        f"other sessions on the {name}",
        not found,
        f"connected: {shown}" if found else "none",
        "Stop these programs and plan again; or, when you know that they do not write, repeat with --allow-sessions.",
        otherwise=WARN if decisions.allow_sessions else FAIL,
    )


def _locks(holders: dict[str, list[LockHolder]]) -> CheckResult:
    held = [f"{holder} holds the {end}" for end, found in holders.items() for holder in found]
    kinds = {holder.kind for found in holders.values() for holder in found}
    fix = "Run `mosaic gateway pause` on the gateway's host (`mosaic gateway resume` undoes it), then plan again."
    if kinds == {"mig"}:
        fix = "Wait for the other migration to end, or cancel it on the Migrations page, then plan again."
    return _result(codes.LOCKED, "store locks", not held, "; ".join(held) or "free on both ends", fix)


def _room(source: Situation, target: Situation) -> CheckResult:
    needed = int(source.facts.size_bytes * TARGET_ROOM)
    free = _free_bytes(target.data_directory)
    if free is None:
        text = f"cannot be measured from here; about {needed // 1_000_000 + 1} MB are needed"
        fix = f"Check on the target's host that its data directory has {needed // 1_000_000 + 1} MB free (df -h)."
        return CheckResult(codes.DISK.id, "room on the target's disk", WARN, text, fix)
    return _result(
        codes.DISK,
        "room on the target's disk",
        free >= needed,
        f"{free // 1_000_000} MB free, about {needed // 1_000_000 + 1} MB needed",
        f"Free at least {(needed - free) // 1_000_000 + 1} MB on the target's disk, then plan again.",
    )


def _free_bytes(data_directory: str) -> int | None:
    """None where the directory cannot be seen: the server is in a container or on another machine."""
    try:
        path = Path(data_directory)
        return shutil.disk_usage(path).free if data_directory and path.is_dir() else None
    except OSError:
        return None


def _connections(end: Situation, name: str) -> CheckResult:
    return _result(
        doctor_codes.PG_HEADROOM,
        f"free connections on the {name}",
        end.free_connections >= SESSIONS_NEEDED,
        f"{end.free_connections} free, {SESSIONS_NEEDED} needed",
        f"Close other programs or raise max_connections on the {name}, then plan again.",
    )


def _rights(target: Situation) -> CheckResult:
    database = target.facts.database
    return _result(
        codes.PRIVILEGE,
        "rights on the target",
        target.can_create,
        "may create schemas and tables" if target.can_create else "may not create schemas and tables",
        f"As the owner: GRANT CREATE ON DATABASE {database} TO mosaic; GRANT CREATE ON SCHEMA public TO mosaic;",
    )


def _ledger(target: Situation) -> Iterable[CheckResult]:
    if target.ledger_owner:
        message, fix = owner_words(target.ledger_owner, target.facts.database)
        yield CheckResult(store_codes.LEDGER_OWNER.id, "owner of the ledger", FAIL, message.rstrip("."), fix)


def largest_value(size: int, where: str) -> CheckResult:
    text = f"{size} bytes{' in ' + where if where else ''}"
    fix = "Each copier holds a row whole, about three times: give the worker that much memory, or use one copier."
    return _result(codes.LARGEST_VALUE, "largest value", size < LARGE_VALUE, text, fix, otherwise=WARN)
