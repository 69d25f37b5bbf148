"""What a resume takes out of the target before it copies again: what the source, or somebody else, has changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from migration.engine import ddl, orphans
from migration.engine import ledger_rows as ledger
from migration.engine.catalog import Connection, quote
from migration.engine.lanes import Ends, Watch
from migration.engine.ledger_rows import ChunkRow, Claim
from migration.engine.model import Plan, TablePlan
from migration.engine.ranges import delete_chunks
from migration.engine.verify import Verifier


@dataclass(frozen=True)
class Repairer:
    """Works on the run's own target session; each table in one transaction."""

    plan: Plan
    ends: Ends
    watch: Watch
    main: Connection
    claim: Claim

    def forget(self, changed: list[ChunkRow]) -> None:
        """Take changed chunks out of the target; a table whose rows can't be told apart starts over.

        All of a table's go before any is copied again: a row may have moved to another chunk with its unique values.
        Rows that were rejected as orphans may have found what they refer to: their tables start over as well.
        """
        if not changed:
            return
        rejects = ledger.read_rejects(self.main, self.claim.run_id)
        orphaned = ledger.read_orphaned(self.main, self.claim.run_id)
        # rows are referred to: they cannot go while the keys stand
        ddl.drop_secondary(self.main, self.claim, self.plan, {table.name for table in self.plan.copied_tables})
        for table in self.plan.copied_tables:
            mine = [chunk for chunk in changed if chunk.table_name == table.name]
            if not mine and table.name not in orphaned:
                continue
            self.watch.control.check()
            with self.claim.transaction(self.main):
                # a table with rejects was copied in several transactions: its chunks' rows carry several xmins
                whole = table.name in rejects or not delete_chunks(self.main, self.claim.run_id, table, mine)
                if whole:
                    self._start_over(table)
                else:
                    ledger.reset_chunks(self.main, self.claim, table.name, [chunk.number for chunk in mine])
            part = "all" if whole else "part"
            self.watch.tracker.event(f"{table.name} changed in the source: copying {part} again")

    def _start_over(self, table: TablePlan) -> None:
        """Empty a table, whoever wrote its rows, and let all of its chunks wait again."""
        self.main.execute(f"DELETE FROM public.{quote(table.name)}")
        ledger.delete_rejects(self.main, self.claim, table.name)
        ledger.reset_chunks(self.main, self.claim, table.name, None)

    def mend(self, snapshot: str | None, chunks: Iterable[ChunkRow]) -> None:
        """After a verification that found differences: let each table that differs start over, build what is missing.

        A run's target is nobody else's, so whatever differs from the source goes, however it came about: rows that
        somebody added to such a table too. The remedy of MOS-MIG-107 says so; a discard refuses instead.
        """
        self._mend_catalog()
        waiting = {chunk.table_name for chunk in chunks if chunk.state != "copied"}
        rejects = ledger.read_rejects(self.main, self.claim.run_id)
        unequal = Verifier(self.plan, self.ends, self.watch, "exact", snapshot, rejects).unequal(skip=waiting)
        if not unequal:
            return
        # what these tables' rows refer to comes back, so what was rejected for its lack may come as well
        orphaned = ledger.read_orphaned(self.main, self.claim.run_id) - {table.name for table in unequal} - waiting
        unequal = [*unequal, *(table for table in self.plan.copied_tables if table.name in orphaned)]
        ddl.drop_secondary(self.main, self.claim, self.plan, {table.name for table in self.plan.copied_tables})
        for table in unequal:
            self.watch.control.check()
            with self.claim.transaction(self.main):
                self._start_over(table)
            self.watch.tracker.event(f"{table.name} in the target is not what was copied: copying all again", "warning")

    def _mend_catalog(self) -> None:
        """Let what is missing or changed be built again from the ledger; columns cannot be."""
        for row in ddl.broken_objects(self.main, self.claim.run_id, self.plan):
            with self.claim.transaction(self.main):
                self.main.execute(orphans.drop_statement(row))
                ledger.set_ddl_state(self.main, self.claim.run_id, row, "dropped")
            self.watch.tracker.event(f"{row.kind} {row.name} on {row.table_name} is built again", "warning")
