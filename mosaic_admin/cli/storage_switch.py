"""`mosaic storage cutover` and `rollback`: they ask, do it here, and say how to restart."""

from __future__ import annotations

import sys
from typing import Any

import click

from migration import cutover as cutovers
from migration import rollback, services
from migration.models import Cutover, JobState, MigrationJob
from migration.rollback import Preview
from migration.switch_words import as_document, restart_words
from mosaic_admin.cli import storage_view
from mosaic_admin.cli.printing import echo
from mosaic_admin.cli.storage_flow import require_tables, shell_actor
from mosaic_admin.codes import ExitCode
from mosaic_admin.errors import NotFoundError


def cut_over(number: int | None, *, confirm: str, as_json: bool) -> int:
    require_tables()
    job = services.get_job(number) if number is not None else _verified_job()
    cutovers.check_ready(job)
    if not confirm and sys.stdin.isatty():
        confirm = click.prompt(f"Type the target's name ({job.target_name}) to cut run #{job.number} over", err=True)
    cutover = cutovers.begin_cutover(job=job, confirmation=confirm, by=shell_actor())
    cutover = cutovers.carry_out(cutover, by=shell_actor())
    if as_json:
        storage_view.show_document({"cutover": as_document(cutover)})
        return ExitCode.OK
    echo(f"Run #{job.number} is cut over: the gateway boots from {job.target_name} at its next start.")
    echo(f"  Smoke test: {cutover.smoke}")
    echo(f"  {restart_words()}")
    echo("  To go back: mosaic storage rollback")
    return ExitCode.OK


def _verified_job() -> MigrationJob:
    """Return the run of an unfinished cutover, else the newest verified one."""
    known = cutovers.standing_cutovers().first()
    job = known.job if known else MigrationJob.objects.filter(state=JobState.VERIFIED).first()
    if job is None:
        raise NotFoundError(
            "No run is verified yet.", remediation="Start with mosaic storage migrate-tier --to federated --dry-run"
        )
    return job


def roll_back(*, confirm: str, unseen: bool, look: bool, as_json: bool) -> int:
    require_tables()
    cutover = rollback.find_cutover()
    seen = rollback.preview(cutover)
    if look:
        _show_gained(seen, as_json=as_json)
        return seen.problem.exit_code if seen.problem else ExitCode.OK
    if not as_json:
        _show_gained(seen, as_json=False)
    if not confirm and sys.stdin.isatty():
        confirm = click.prompt(f"Type `{seen.confirmation}` to go back", err=True)
    cutover = rollback.roll_back(cutover=cutover, confirmation=confirm, by=shell_actor(), unseen=unseen)
    _show_done(cutover, as_json=as_json)
    return ExitCode.OK


def _show_gained(seen: Preview, *, as_json: bool) -> None:
    if as_json:
        document: dict[str, Any] = {"cutover": as_document(seen.cutover)}
        document["gained"] = seen.gained.as_dict() if seen.gained else None
        storage_view.show_document(document | (seen.problem.as_dict() if seen.problem else {}))
    elif seen.gained is None:
        echo(f"What the federated store gained cannot be seen: {seen.problem.message if seen.problem else ''}")
    else:
        echo(seen.gained.sentence)
        for table in seen.gained.touched:
            for sample in table.samples:
                echo(f"  {table.name} {sample['id']} {sample['at']} {sample['label']}")


def _show_done(cutover: Cutover, *, as_json: bool) -> None:
    if as_json:
        storage_view.show_document({"cutover": as_document(cutover)})
        return
    name = cutover.previous.name if cutover.previous else "the source"
    echo(f"Rolled back: the gateway boots from the configuration “{name}” at its next start.")
    echo(f"  {restart_words()}")
