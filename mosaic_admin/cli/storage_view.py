"""How `mosaic storage` shows plans and runs in a terminal."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

from migration.bundle import as_summary
from migration.decisions import as_options
from migration.engine.model import Decisions
from migration.models import EffectiveState, MigrationJob
from mosaic_admin.cli.printing import echo
from mosaic_admin.cli.terminal import Terminal
from mosaic_admin.redaction import redact, redact_data
from mosaic_admin.templatetags.looks import bytes as size_words
from mosaic_admin.templatetags.looks import duration, utc

COMMAND = "mosaic storage migrate-tier --to federated"
RESUME = f"{COMMAND} --resume"
CHECK_WORDS = {"pass": "Pass", "warn": "Warning", "fail": "Blocks"}


def show_document(data: dict[str, Any]) -> None:
    echo(json.dumps(redact_data(data), indent=2, ensure_ascii=False))


def show_job_document(job: MigrationJob, code: int) -> None:
    show_document(as_summary(job) | {"plan": job.plan, "exit_code": int(code)})


def show_jobs(jobs: Iterable[MigrationJob]) -> None:
    table = Table("Run", "State", "From", "To", "Rows", "By", "Made", box=None, header_style="dim")
    for job in jobs:
        state = job.effective_state().label
        rows = f"{job.rows_done:,}"
        made = utc(job.created_at, "short")
        table.add_row(f"#{job.number}", state, job.source_label, job.target_label, rows, job.created_by_name, made)
    Terminal().print(table)


def show_job(job: MigrationJob) -> None:
    """Show what became of a run, as a few lines on stdout."""
    state = job.effective_state()
    echo(f"Run #{job.number}: {state.label}")
    echo(f"  {job.source_label} to {job.target_label}, plan {job.plan_hash[:16] or 'not made'}")
    if job.started_at:
        echo(
            f"  {job.rows_done:,} of {job.rows_total:,} rows, {size_words(job.bytes_done)} of "
            f"{size_words(job.bytes_total)}, {duration(job.duration_s)}"
        )
    cutover = job.cutovers.first()
    if cutover is not None:
        echo(
            f"  Cutover: {cutover.get_status_display().lower()}{', its process stopped' if cutover.is_stalled else ''}"
        )
    if job.is_rehearsal:
        echo("  A rehearsal: its scratch database is dropped, source and target are as they were.")
    elif state is EffectiveState.INTERRUPTED:
        echo(f"  The worker {job.lease_owner} stopped. Nothing is lost. Go on: {RESUME}")
    elif state is EffectiveState.PAUSED:
        echo(f"  Go on: {RESUME}")


def show_plan(job: MigrationJob, options: dict[str, Any]) -> None:
    """Show a plan: checks, tables, what is open with the option that decides it, and the command to go on."""
    plan = job.plan or {}
    console = Terminal()
    source, target = plan["source"], plan["target"]
    console.print(Text(f"Plan of run #{job.number}: {source['display']} ({source['tier']}) to {target['display']}"))
    console.print(_checks_table(plan["checks"]))
    console.print(_tables_table(plan["tables"]))
    totals = plan["totals"]
    console.print(
        Text(
            f"Moves {totals['rows']:,} rows, {size_words(totals['bytes'])} in {totals['tables']} tables; "
            f"{_time_words(plan)}. Nothing was written on either end."
        )
    )
    _show_open(console, plan["open_decisions"])
    console.print(Text(f"Plan hash: {job.plan_hash}"))
    if not plan["open_decisions"]:
        console.print(Text(f"Go on: {command_to_go_on(job, options)}"), soft_wrap=True)


def _time_words(plan: dict[str, Any]) -> str:
    taken = duration(plan["estimate_s"])
    return f"{taken}, measured by rehearsal #{plan['measured_by']}" if plan.get("measured_by") else f"about {taken}"


def _checks_table(checks: list[dict[str, Any]]) -> Table:
    table = Table("Check", "", "", box=None, header_style="dim")
    for check in sorted(checks, key=lambda item: ["fail", "warn", "pass"].index(item["status"])):
        words = redact(check["message"])
        if check["status"] != "pass":
            words = f"{words} {check['code']} Fix: {redact(check['remediation'])}"
        table.add_row(Text(CHECK_WORDS[check["status"]]), Text(check["name"]), Text(words))
    return table


def _tables_table(tables: list[dict[str, Any]]) -> Table:
    table = Table("Table", "Decision", box=None, header_style="dim")
    table.add_column("Rows", justify="right")
    table.add_column("Size", justify="right")
    table.add_column("Why and how")
    for item in tables:
        why = item["reason"] or ", ".join(item["notes"])
        cells = (item["source_table"], item["action"], f"{item['rows']:,}", size_words(item["bytes"]), why)
        table.add_row(*map(Text, cells))
    return table


def _show_open(console: Terminal, decisions: list[dict[str, Any]]) -> None:
    for item in decisions:
        console.print(
            Text(f"You decide: {item['subject']}, {item['rows']:,} rows, {size_words(item['bytes'])}. "),
            Text(item["description"]),
        )
        for choice in item["choices"]:
            console.print(Text(f"    {choice}"))


def command_to_go_on(job: MigrationJob, options: dict[str, Any]) -> str:
    """Return the exact command that starts this plan."""
    words = [COMMAND]
    words += [f"--from {shlex.quote(options['source'])}"] if options["source"] else []
    words += [f"--target {shlex.quote(options['target'])}"] if options["target"] else []
    words += [shlex.join(as_options(Decisions.from_dict(job.decisions)))] if job.decisions else []
    words += [f"--max-mb-s {options['max_mb_s']:g}"] if options["max_mb_s"] is not None else []
    words += ["--inline"] if options["inline"] else []
    return " ".join([*filter(None, words), f"--yes --plan-hash {job.plan_hash}"])


class Display(Protocol):
    def show(self, job: MigrationJob) -> None: ...


class _Silent:
    def show(self, job: MigrationJob) -> None:
        pass


class _Lines:
    """For a terminal that is none: one line for each new phase or state."""

    def __init__(self) -> None:
        self._last = ""

    def show(self, job: MigrationJob) -> None:
        line = _headline(job)
        if line != self._last:
            echo(line, err=True)
            self._last = line


class _Bars:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)

    def show(self, job: MigrationJob) -> None:
        self._progress.update(
            self._task, description=_headline(job), completed=job.bytes_done, total=job.bytes_total or None
        )


def _headline(job: MigrationJob) -> str:
    state = job.effective_state()
    phase = f", {job.phase}" if state is EffectiveState.RUNNING and job.phase else ""
    return f"Run #{job.number}: {state.label.lower()}{phase}"


@contextmanager
def progress_display(*, quiet: bool) -> Iterator[Display]:
    """Show progress on stderr, so that stdout stays the command's result."""
    console = Terminal(stderr=True)
    if quiet:
        yield _Silent()
    elif not console.is_terminal:
        yield _Lines()
    else:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
            yield _Bars(progress)
