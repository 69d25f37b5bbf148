"""One run from preflight to certificate: fresh, resumed after a crash, or verified again when it was finished."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from uuid import UUID

from migration import codes
from migration.engine import ddl
from migration.engine import ledger_rows as ledger
from migration.engine.building import Builder, building, large_tables
from migration.engine.catalog import Connection, quote
from migration.engine.certificate import make_certificate
from migration.engine.connections import Sessions, driver_errors, storage_url
from migration.engine.copy import Copier, copy_all, recheck_all
from migration.engine.lanes import Ends, Watch
from migration.engine.ledger_rows import ChunkRow, Claim
from migration.engine.model import (
    Control,
    Endpoint,
    Outcome,
    OutcomeState,
    Phase,
    Plan,
    PrepareSchema,
    RunOptions,
    Sink,
    Verification,
)
from migration.engine.pglite import is_copy, readable
from migration.engine.plan import make_plan
from migration.engine.prepare import end_stale_sessions, find_run, finish_prepare, prepare
from migration.engine.progress import Tracker
from migration.engine.repair import Repairer
from migration.engine.stopping import stopping_at_once
from migration.engine.throttle import Throttle
from migration.engine.verify import Verifier, assemble
from migration.errors import PlanNotReadyError, RunInterruptedError, SourceChangedError
from store.ledger import RunRow, StoreLock, claim_epoch, holder_name


def run_plan(
    plan: Plan,
    source: Endpoint,
    target: Endpoint,
    *,
    run_id: UUID,
    options: RunOptions,
    control: Control,
    sink: Sink,
    prepare_schema: PrepareSchema,
) -> Outcome:
    """Carry a plan out and verify it. A target with an unfinished run of this plan is resumed, whatever `run_id` says.

    Raises: MosaicError subclasses, none of which loses what was committed; the control's own signals.
    """
    guard = _Guard(control)
    watch = Watch(guard, Tracker(plan, sink), options.throttle or Throttle())
    name, sessions, keeps_out = _name(options), Sessions(), options.locks_source
    with (
        stopping_at_once(guard, sessions),
        driver_errors(),
        readable(source, name, exclusive=keeps_out, wait_s=options.lock_timeout_s) as reachable,
    ):
        if is_copy(reachable):
            options = replace(options, copiers=1)
        run = _Run(plan, Ends(reachable, target, name, sessions), options, watch, prepare_schema, guard)
        return run.carry_out(run_id)


def _name(options: RunOptions) -> str:
    host, _, process = options.holder.rpartition(":")
    return holder_name("mig", host=host or socket.gethostname(), process=int(process or os.getpid()))


@dataclass
class _Guard:
    """The caller's control, and the locks: without them a gateway could write under the run."""

    control: Control
    locks: tuple[StoreLock, ...] = ()
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def check(self) -> None:
        with self._one_at_a_time:
            self.control.check()
            is_lost = any(lock.has_ended() for lock in self.locks)
        if is_lost:
            raise RunInterruptedError(
                "A server ended the session that holds its store's lock, so a gateway could write during the run.",
                remediation="Find out in the servers' logs what ended it, then press Resume or run the same command "
                "with --resume: everything committed is kept.",
            )


@dataclass
class _Run:
    plan: Plan
    ends: Ends
    options: RunOptions
    watch: Watch
    prepare_schema: PrepareSchema
    guard: _Guard

    def carry_out(self, run_id: UUID) -> Outcome:
        tracker = self.watch.tracker
        with tracker.phase(Phase.PREFLIGHT):
            self._end_stale_sessions()
            self.watch.control.check()
            fresh = self._checked_again()
        with tracker.phase(Phase.PLAN):
            self._refuse_stale_plan(fresh)
        with self._locks(), self.ends.sessions.target(self.ends.target, self.ends.name) as main:
            found = find_run(main, self.plan)
            if found is not None and found.is_finished:
                return self._verify_again(main, found)
            with tracker.phase(Phase.PREPARE):
                claim = self._claim(main, found, run_id)
            return self._fill(main, claim, had_differences=found is not None and found.state == "failed")

    def _end_stale_sessions(self) -> None:
        if not self.options.lease_expired:
            return
        count = end_stale_sessions(self.ends.source, self.ends.target, keep=self.ends.name)
        if count:
            self.watch.tracker.event(f"Ended {count} sessions of the worker before, whose lease had expired", "warning")

    def _checked_again(self) -> Plan:
        """Return the plan as it would be made now. Raises PlanNotReadyError with the check that blocks."""
        ends = self.ends
        fresh = make_plan(ends.source, ends.target, self.plan.decisions, ends.sessions, known=self.plan)
        # a lock is waited for below, and its error names the holder
        blocking = [check for check in fresh.blocking_checks if check.code != codes.LOCKED.id]
        if blocking:
            check = blocking[0]
            raise PlanNotReadyError(f"{check.name}: {check.message}.", remediation=check.remediation, check=check.code)
        return fresh

    def _refuse_stale_plan(self, fresh: Plan) -> None:
        if fresh.hash != self.plan.hash or fresh.open_decisions:
            raise PlanNotReadyError(
                "The plan is out of date: the source's tables or words have changed since it was made.",
                remediation="Make a new dry run and confirm its plan.",
                planned=self.plan.hash,
                now=fresh.hash,
            )

    @contextmanager
    def _locks(self) -> Iterator[None]:
        """Both stores, exclusively: no gateway can start on either while the data moves.

        The target's first: whoever holds the source's is then found by name on the target (`end_stale_sessions`).
        """
        wait_s = self.options.lock_timeout_s
        there = StoreLock(storage_url(self.ends.target), "exclusive", self.ends.name)
        here = StoreLock(storage_url(self.ends.source), "exclusive", self.ends.name)
        has_lock = self.options.locks_source and not is_copy(self.ends.source)  # a directory is locked for all of it
        locks = (there, here) if has_lock else (there,)
        with ExitStack() as stack:
            for lock in locks:
                stack.enter_context(_held(lock, wait_s))
            self.guard.locks = locks
            try:
                yield
            finally:
                self.guard.locks = ()

    def _claim(self, main: Connection, found: RunRow | None, run_id: UUID) -> Claim:
        if found is None:
            return prepare(main, self.ends, self.watch, self.plan, run_id, self.options, self.prepare_schema)
        claim = Claim(found.run_id, claim_epoch(main, found.run_id, holder=self.ends.name))
        ledger.set_plan(main, claim, self.plan)
        self.watch.tracker.event(f"Resuming run {found.run_id}, which stopped in phase {found.phase}")
        if found.state == "preparing":
            finish_prepare(main, self.ends, self.watch, self.plan, claim, self.options, self.prepare_schema)
        return claim

    def _fill(self, main: Connection, claim: Claim, *, had_differences: bool) -> Outcome:
        tracker, options = self.watch.tracker, self.options
        large = large_tables(main, self.plan)
        builder = Builder(self.plan, self.ends, self.watch, claim, options, large)
        with self._snapshot() as (keeper, snapshot, at), building(builder):
            ledger.set_snapshot(main, claim, at)
            changes = _changes(keeper, self.plan)
            copier = Copier(self.plan, claim, self.ends, self.watch, snapshot, builder)
            with tracker.phase(Phase.COPY):
                self._copy(main, claim, copier, had_differences=had_differences)
            with tracker.phase(Phase.SEQUENCES):
                ledger.set_phase(main, claim, "sequences", "copying")
                ddl.set_sequences(keeper, main, claim, self.plan)
            with tracker.phase(Phase.INDEXES):
                ledger.set_phase(main, claim, "indexes", "loaded")
                builder.finish(main)
            with tracker.phase(Phase.VERIFY):
                ledger.set_phase(main, claim, "verify")
                verification = self._verify(keeper, main, claim.run_id, snapshot)
            if _changes(keeper, self.plan) != changes:
                tracker.event("The source changed after the snapshot: those writes are not in the target", "warning")
        with tracker.phase(Phase.CERTIFICATE):
            return self._finish(main, claim, verification, str(at))

    @contextmanager
    def _snapshot(self) -> Iterator[tuple[Connection, str | None, object]]:
        """Hold one snapshot of the source for copy and verification; exporting it assigns no transaction id."""
        with self.ends.sessions.source(self.ends.source, self.ends.name) as keeper:
            if is_copy(self.ends.source):  # an open transaction would keep every other session waiting
                row = keeper.execute("SELECT now()").fetchone()
                assert row is not None
                yield keeper, None, row[0]
                return
            keeper.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            row = keeper.execute("SELECT pg_catalog.pg_export_snapshot(), now()").fetchone()
            assert row is not None
            yield keeper, row[0], row[1]

    def _copy(self, main: Connection, claim: Claim, copier: Copier, *, had_differences: bool) -> None:
        chunks = ledger.read_chunks(main, claim.run_id)
        done = [chunk for chunk in chunks if chunk.state == "copied"]
        if done:
            self.watch.tracker.event(f"Comparing {len(done)} finished chunks with the source as it is now")
            changed = recheck_all(copier, done, self.options.copiers)
            repairer = Repairer(self.plan, self.ends, self.watch, main, claim)
            repairer.forget(changed)
            if had_differences:
                repairer.mend(copier.snapshot, ledger.read_chunks(main, claim.run_id))
            chunks = ledger.read_chunks(main, claim.run_id)
        waiting = [chunk for chunk in chunks if chunk.state != "copied"]
        self._show(chunks)
        filling = {chunk.table_name for chunk in waiting}
        if waiting:
            ddl.drop_secondary(main, claim, self.plan, filling)
            copier.builder.leave_alone(main, filling)
        copier.builder.count(main)
        for table in self.plan.copied_tables:
            if table.name not in filling:
                copier.builder.build(main, table.name)
        copy_all(copier, waiting, self.options.copiers)
        ledger.update_tables(main, claim)

    def _show(self, chunks: list[ChunkRow]) -> None:
        for table in self.plan.copied_tables:
            mine = [chunk for chunk in chunks if chunk.table_name == table.name]
            done = [chunk for chunk in mine if chunk.state == "copied"]
            self.watch.tracker.set_chunks(table.name, len(done), len(mine), sum(chunk.rows for chunk in done))

    def _verify(self, source: Connection, main: Connection, run_id: UUID, snapshot: str | None) -> Verification:
        rejects = ledger.read_rejects(main, run_id)
        verifier = Verifier(self.plan, self.ends, self.watch, self.options.verify_mode, snapshot, rejects)
        tables = verifier.run()
        mode, is_pinned = self.options.verify_mode, snapshot is not None
        return assemble(source, main, self.plan, mode, tables, rejects, run_id, is_pinned=is_pinned)

    def _finish(self, main: Connection, claim: Claim, verification: Verification, at: str) -> Outcome:
        state = self._judge(verification)
        self.watch.control.check()  # nothing is called verified that a gateway may have written to
        with claim.transaction(main):
            ledger.save_verification(main, claim.run_id, verification.mode, verification.tables)
        verdict = "verified" if state is OutcomeState.VERIFIED else "failed"
        ledger.set_phase(main, claim, "certificate", verdict)
        return self._outcome(claim.run_id, state, verification, at, changed=True)

    def _judge(self, verification: Verification) -> OutcomeState:
        if not verification.is_equal:
            return OutcomeState.DIFFERENCES
        too_many = verification.rejects > self.plan.decisions.allow_rejects
        return OutcomeState.REJECTS if too_many else OutcomeState.VERIFIED

    def _outcome(
        self, run_id: UUID, state: OutcomeState, verification: Verification, at: str, *, changed: bool
    ) -> Outcome:
        certificate = make_certificate(self.plan, run_id, verification, snapshot_at=at)
        durations = dict(self.watch.tracker.durations)
        return Outcome(state, verification, certificate, durations, changed, verification.rejects)

    def _verify_again(self, main: Connection, run: RunRow) -> Outcome:
        """A finished run: compare both ends with what was verified then, change nothing."""
        before = ledger.last_verification(main, run.run_id, self.options.verify_mode)
        with (
            self.watch.tracker.phase(Phase.VERIFY),
            self.ends.sessions.source(self.ends.source, self.ends.name) as source,
        ):
            verification = self._verify(source, main, run.run_id, None)
        self._refuse_changes(verification, before)
        state = self._judge(verification)
        return self._outcome(run.run_id, state, verification, str(run.snapshot_at), changed=False)

    def _refuse_changes(self, verification: Verification, before: dict[str, tuple[int, str, int, str]]) -> None:
        changed = []
        for table in verification.tables:
            if table.name not in before:
                continue
            rows, total, target_rows, target_total = before[table.name]
            if (rows, total) != (table.source_rows, table.source_sum):
                changed.append(f"{table.name} in the source ({rows} rows then, {table.source_rows} now)")
            if (target_rows, target_total) != (table.target_rows, table.target_sum):
                changed.append(f"{table.name} in the target ({target_rows} rows then, {table.target_rows} now)")
        if changed:
            raise SourceChangedError(
                f"This migration is finished, and since then these changed: {'; '.join(changed)}.",
                remediation="Nothing was touched. To move newer source data, migrate into an empty database; a target "
                "that a gateway writes to stays as it is.",
            )


@contextmanager
def _held(lock: StoreLock, wait_s: float) -> Iterator[None]:
    lock.acquire(wait_s)
    try:
        yield
    finally:
        lock.release()


def _changes(connection: Connection, plan: Plan) -> int:
    """Rows inserted, updated and deleted in the source's tables so far, by the server's own statistics."""
    names = [f"public.{quote(table.source_table)}" for table in plan.copied_tables]
    connection.execute("SELECT pg_catalog.pg_stat_clear_snapshot()")
    row = connection.execute(
        """SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_catalog.pg_stat_user_tables
            WHERE relid IN (SELECT to_regclass(n)::oid FROM unnest(%(names)s::text[]) n UNION
                SELECT t.relid FROM unnest(%(names)s::text[]) n, pg_catalog.pg_partition_tree(to_regclass(n)) t)""",
        {"names": names},
    ).fetchone()
    return int(row[0]) if row else 0
