"""The store of the database: its tables, an unfinished migration in it, and who holds its lock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from psycopg.rows import scalar_row

from doctor import codes
from doctor.findings import Finding, failed, from_error, passed, warned
from doctor.probe import Context
from doctor.probes.postgres import PostgresProbe, connection_of, facts_of
from mosaic_admin.errors import MosaicError
from store import catalog
from store.ledger import LockHolder, lock_holders, read_run
from tiers import codes as tiers_codes

SERVICE = "store"
TABLES = tuple(catalog.BY_NAME)
LEDGER_WAS_READ = "ledger-was-read"  # kept by `store.migration` when the role may see the ledger
RIGHTS_SQL = """
SELECT c.relname::text, bool_and(pg_catalog.has_table_privilege(c.oid, wanted))
  FROM pg_catalog.pg_class c, unnest(ARRAY['SELECT','INSERT','UPDATE','DELETE']) AS wanted
 WHERE c.relnamespace = to_regnamespace('public')::oid AND c.relkind IN ('r', 'p') AND c.relname = ANY(%s)
 GROUP BY c.relname
"""


@dataclass(frozen=True)
class StoreProbe(PostgresProbe):
    """A probe of the store, on PostgreSQL's ladder and connection."""

    service: ClassVar[str] = SERVICE


@dataclass(frozen=True)
class StoreTables(StoreProbe):
    """The store's tables: all there and usable, or none yet (a target before its first migration)."""

    name: ClassVar[str] = "store.tables"
    requires: ClassVar[tuple[str, ...]] = ("postgres.rights",)

    def ask(self, context: Context) -> Finding:
        rights = self._rights(context)
        missing = [table for table in TABLES if table not in rights]
        locked = [table for table, is_usable in rights.items() if not is_usable]
        if not rights:
            return passed("The database holds no store yet; a migration creates it.")
        if missing:
            return warned(
                codes.PG_TABLES,
                f"The store lacks {len(missing)} of its {len(TABLES)} tables: {', '.join(missing)}.",
                "An install of another version has other tables; a migration's dry run shows what it makes of them.",
                "mosaic storage migrate-tier --to federated --dry-run",
            )
        if locked:
            return failed(
                tiers_codes.PG_PRIVILEGE,
                f"Role {facts_of(context).role} may not read and write {', '.join(locked)}.",
                "Give the rights, as the owner of the tables or a superuser.",
                self.at.psql(
                    f'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO "{facts_of(context).role}"'
                ),
            )
        return passed(f"The store's {len(TABLES)} tables are there.")

    def _rights(self, context: Context) -> dict[str, bool]:
        rows = connection_of(context).execute(RIGHTS_SQL, (list(TABLES),))
        return {str(table): bool(is_usable) for table, is_usable in rows}


@dataclass(frozen=True)
class StoreMigration(StoreProbe):
    """Whether the ledger in this database shows a run that did not end, and whether one is at work now."""

    name: ClassVar[str] = "store.migration"
    requires: ClassVar[tuple[str, ...]] = ("postgres.query",)

    def ask(self, context: Context) -> Finding:
        try:
            return self._judge(context)
        except MosaicError as error:
            return from_error(error)

    def _judge(self, context: Context) -> Finding:
        holders = lock_holders(connection_of(context))
        context.keep("lock-holders", holders, close=lambda: None, abort=lambda: None)
        migrating = next((item for item in holders if item.kind == "mig"), None)
        if migrating is not None:
            return warned(
                codes.STORE_MIGRATING,
                f"{_capital(str(migrating))} is at work on this store.",
                "Wait for it to end, or cancel it on the Migrations page; the gateway stays paused until then.",
            )
        if not self._may_read_ledger(context):
            return passed("No ledger of a migration is visible to this role.")
        run = read_run(connection_of(context))
        context.keep(LEDGER_WAS_READ, True, close=lambda: None, abort=lambda: None)
        if run is None or run.is_finished:
            return passed("No migration into this store is open." if run is None else "The migration here is verified.")
        number = f"Run #{run.job_number}" if run.job_number else "A run"
        return failed(
            codes.STORE_UNFINISHED,
            f"{number} into this store stopped in the phase {run.phase} and is not finished.",
            "Resume it on its page or from a terminal. What was copied stays, and the source was only read.",
            "mosaic storage migrate-tier --to federated --resume",
            ("State", run.state),
            ("Last change", f"{run.updated_at:%Y-%m-%d %H:%M:%S} UTC"),
        )

    def _may_read_ledger(self, context: Context) -> bool:
        with connection_of(context).cursor(row_factory=scalar_row) as cursor:
            cursor.execute(
                "SELECT coalesce(has_schema_privilege(to_regnamespace('mosaic_migration')::oid, 'USAGE')"
                " AND has_table_privilege(to_regclass('mosaic_migration.run')::oid, 'SELECT'), true)"
            )
            return bool(cursor.fetchone())


@dataclass(frozen=True)
class StoreLockHolders(StoreProbe):
    name: ClassVar[str] = "store.lock"
    requires: ClassVar[tuple[str, ...]] = ("postgres.query",)

    def ask(self, context: Context) -> Finding:
        kept = context.find("lock-holders", list)
        holders = lock_holders(connection_of(context)) if kept is None else kept
        foreign = [item for item in holders if item.kind is None]
        if foreign:
            pids = ", ".join(str(item.backend_pid) for item in foreign)
            return warned(
                codes.STORE_FOREIGN_LOCK,
                f"The store's lock is held by {', '.join(map(str, foreign))}.",
                "Find out whose session it is, then end it.",
                self.at.psql(
                    f"SELECT pid, usename, application_name FROM pg_stat_activity WHERE pid IN ({pids})"  # noqa: S608 — shown, not run
                ),
            )
        return passed(_lock_sentence(holders), *(("Holder", item.application_name) for item in holders))


def _lock_sentence(holders: list[LockHolder]) -> str:
    if not holders:
        return "Nobody holds the store's lock: no gateway serves it, no migration runs."
    return f"The store's lock is held by {', '.join(map(str, holders))}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def store_probes(url: str) -> list[StoreProbe]:
    return [StoreTables(url), StoreMigration(url), StoreLockHolders(url)]
