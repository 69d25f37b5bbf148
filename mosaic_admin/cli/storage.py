"""`mosaic storage`: move the store to the federated tier, and look after runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from mosaic_admin.cli import print_error, setup_django
from mosaic_admin.cli.printing import echo
from mosaic_admin.codes import ExitCode
from mosaic_admin.errors import MosaicError
from mosaic_admin.redaction import redact_data

AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, nothing else.")


def command_of_django(function: Callable[..., int]) -> Callable[..., None]:
    """Load the control plane, then do as `command_without_django`."""

    @wraps(function)
    def loaded(**options: Any) -> int:
        setup_django()
        return function(**options)

    return command_without_django(loaded)


def command_without_django(function: Callable[..., int]) -> Callable[..., None]:
    """Turn errors into the one shape (JSON with --json), and exit with the returned code."""

    @wraps(function)
    def wrapper(**options: Any) -> None:
        try:
            code = function(**options)
        except MosaicError as error:
            if options.get("as_json"):
                echo(json.dumps(redact_data(error.as_dict()), indent=2))
            else:
                print_error(error)
            code = error.exit_code
        sys.exit(int(code))

    return wrapper


@click.group(name="storage")
def command() -> None:
    """Move the store to the federated tier, and look after runs."""


@command.command("migrate-tier")
@click.option("--to", "to", type=click.Choice(["federated"]), required=True, help="The tier to move to.")
@click.option("--from", "source", metavar="CONFIG", help="Source configuration file (default: MOSAIC_CONFIG).")
@click.option("--target", metavar="CONFIG", help="Target configuration file (default: the dashboard's federated one).")
@click.option("--dry-run", is_flag=True, help="Make and show the plan, write nothing on either end.")
@click.option(
    "--rehearse", is_flag=True, help="Make the plan, then move all of it into a scratch database and time it."
)
@click.option("--yes", is_flag=True, help="Start without asking; needs --plan-hash.")
@click.option("--plan-hash", metavar="H", default="", help="The hash that the dry run printed.")
@click.option("--resume", is_flag=True, help="Go on with the paused, interrupted or failed run.")
@click.option("--inline", is_flag=True, help="Work in this process, under the same lease, instead of in a worker.")
@click.option("--carry-table", "carry_tables", multiple=True, metavar="T", help="Carry an unknown table as it is.")
@click.option("--skip-table", "skip_tables", multiple=True, metavar="T=REASON", help="Leave a table behind.")
@click.option("--carry-column", "carry_columns", multiple=True, metavar="T.C", help="Carry an unknown column.")
@click.option("--drop-column", "drop_columns", multiple=True, metavar="T.C", help="Leave a column behind.")
@click.option("--map-value", "map_values", multiple=True, metavar="T.C:OLD=NEW", help="Write NEW where OLD stands.")
@click.option("--allow-rejects", type=click.IntRange(min=0), default=0, metavar="N", help="Accept N rejected rows.")
@click.option("--max-mb-s", type=float, default=None, metavar="N", help="Copy at most N MB (10^6 bytes) per second.")
@click.option("--allow-sessions", is_flag=True, help="Accept sessions that do not take the store's lock.")
@AS_JSON
@command_of_django
def migrate_tier(**options: Any) -> int:
    """Plan, confirm, run and follow a migration.

    Exit codes: 0 verified or clean dry run, 1 differences or rejects, 2 usage, 3 a decision is needed or the plan is
    stale, 69 unreachable, 75 busy or unfinished, 76 version, 77 privilege, 78 configuration, 130 detached.
    """
    from mosaic_admin.cli.storage_flow import migrate

    if options["yes"] and not options["plan_hash"] and not options["resume"]:
        raise click.UsageError("--yes needs --plan-hash: the hash that the dry run printed.")
    return migrate(options)


@command.command("status")
@click.argument("number", type=int, required=False)
@AS_JSON
@command_of_django
def status(number: int | None, as_json: bool) -> int:  # click passes it by name
    """Show one run, or the newest ones."""
    from migration import history, services
    from migration.bundle import as_summary
    from mosaic_admin.cli import storage_view

    if number is not None:
        job = services.get_job(number)
        storage_view.show_document(as_summary(job)) if as_json else storage_view.show_job(job)
        return ExitCode.OK
    page = history.list_jobs(history.Filters(days=""))
    if as_json:
        storage_view.show_document({"runs": [as_summary(services.get_job(job.number)) for job in page.jobs[:10]]})
    else:
        storage_view.show_jobs(page.jobs)
    return ExitCode.OK


@command.command("pause")
@click.argument("number", type=int)
@AS_JSON
@command_of_django
def pause(number: int, as_json: bool) -> int:
    """Stop a run between chunks; `mosaic storage resume` goes on from there."""
    from migration import services
    from mosaic_admin.cli.storage_flow import shell_actor

    job = services.request_pause(job=services.get_job(number), by=shell_actor())
    return _told(job, "is asked to pause; it stops within a few seconds", as_json=as_json)


@command.command("throttle")
@click.argument("number", type=int)
@click.option("--mb-s", type=float, default=None, metavar="N", help="At most N MB (10^6 bytes) per second.")
@click.option("--off", is_flag=True, help="Copy as fast as it goes.")
@AS_JSON
@command_of_django
def throttle(number: int, mb_s: float | None, off: bool, as_json: bool) -> int:
    """Limit the speed of a run's copy, also while it runs."""
    from migration import services
    from mosaic_admin.cli.storage_flow import shell_actor

    if (mb_s is None) is not off:
        raise click.UsageError("Give either --mb-s N or --off.")
    job = services.set_throttle(job=services.get_job(number), max_mb_s=mb_s, by=shell_actor())
    return _told(job, f"copies at most {mb_s:g} MB/s" if mb_s else "has no speed limit", as_json=as_json)


@command.command("cancel")
@click.argument("number", type=int)
@click.option("--confirm", default="", metavar="'run N'", help="The run's name, instead of being asked for it.")
@AS_JSON
@command_of_django
def cancel(number: int, confirm: str, as_json: bool) -> int:
    """Cancel a run. The source is only read; what is in the target stays there."""
    from migration import services
    from mosaic_admin.cli.storage_flow import shell_actor

    job = services.get_job(number)
    if not confirm and sys.stdin.isatty():
        confirm = click.prompt(f"Type `run {number}` to cancel it", err=True)
    job = services.request_cancel(job=job, confirmation=confirm, by=shell_actor())
    return _told(job, "is cancelled, or stops within a few seconds", as_json=as_json)


@command.command("discard")
@click.argument("number", type=int)
@click.option("--confirm", default="", metavar="NAME", help="The target's name, instead of being asked for it.")
@AS_JSON
@command_of_django
def discard(number: int, confirm: str, as_json: bool) -> int:
    """Take what a cancelled or failed run wrote out of its target; nothing that others wrote is touched."""
    from migration import services
    from mosaic_admin.cli.storage_flow import shell_actor

    job = services.get_job(number)
    if not confirm and sys.stdin.isatty():
        confirm = click.prompt(f"Type the target's name ({job.target_name}) to discard run #{number}", err=True)
    rows = services.discard_run(job=job, confirmation=confirm, by=shell_actor())
    return _told(job, f"is discarded: {rows:,} rows are out of the target", as_json=as_json)


@command.command("rejects")
@click.argument("number", type=int)
@AS_JSON
@command_of_django
def rejects(number: int, as_json: bool) -> int:
    """List the rows that the target could not take, with their reasons; keys that may be personal are masked."""
    from migration import services
    from migration.rejects import read_rejects
    from mosaic_admin.cli import storage_view

    found = read_rejects(services.get_job(number))
    if as_json:
        storage_view.show_document(found.as_dict())
    else:
        for line in found.lines():
            echo(line)
    return ExitCode.OK


@command.command("resume")
@click.argument("number", type=int)
@AS_JSON
@command_of_django
def resume(number: int, as_json: bool) -> int:
    """Queue a paused, interrupted or failed run again."""
    from migration import services
    from mosaic_admin.cli.storage_flow import shell_actor

    job = services.resume_migration(job=services.get_job(number), by=shell_actor())
    return _told(job, "is queued again", as_json=as_json)


@command.command("cutover")
@click.argument("number", type=int, required=False)
@click.option("--confirm", default="", metavar="NAME", help="The target's name, instead of being asked for it.")
@AS_JSON
@command_of_django
def cutover(number: int | None, confirm: str, as_json: bool) -> int:
    """Make a verified run's target the store that the gateway boots from; a cutover cut short is finished.

    Compares both stores once more, writes cutover.json, activates the federated configuration, and tries the store.
    Exit codes: 0 done, 1 the stores differ or the smoke test failed, 2 usage, 3 not verified, 69 unreachable, 75 busy.
    """
    from mosaic_admin.cli.storage_switch import cut_over

    return cut_over(number, confirm=confirm, as_json=as_json)


@command.command("rollback")
@click.option("--confirm", default="", metavar="'roll back run N'", help="The words, instead of being asked for them.")
@click.option("--unseen", is_flag=True, help="Go back though the federated store cannot be asked what it gained.")
@click.option("--look", is_flag=True, help="Only show what the federated store gained; change nothing.")
@AS_JSON
@command_of_django
def rollback(confirm: str, unseen: bool, look: bool, as_json: bool) -> int:
    """Go back to the configuration from before the cutover; what the federated store gained stays there.

    Exit codes: 0 done, 2 usage, 3 nothing to roll back, 69 the federated store is unreachable, 75 a gateway serves it.
    """
    from mosaic_admin.cli.storage_switch import roll_back

    return roll_back(confirm=confirm, unseen=unseen, look=look, as_json=as_json)


@command.command("forget")
@click.option(
    "--older-than", "days", type=click.IntRange(min=1), required=True, metavar="DAYS", help="Age of their end."
)
@click.option("--yes", is_flag=True, help="Do it; without, only say how many they are.")
@AS_JSON
@command_of_django
def forget(days: int, yes: bool, as_json: bool) -> int:
    """Remove old runs from the history; what is in force stays, and no store is touched."""
    from migration import retention
    from mosaic_admin.cli import storage_view

    number = retention.forget(days=days) if yes else retention.old_runs(days=days).count()
    if as_json:
        storage_view.show_document({"runs": number, "removed": yes})
    else:
        echo(f"{number} runs {'are removed' if yes else 'would be removed; do it with --yes'}.")
    return ExitCode.OK


@command.command("export")
@click.option("--state", default="", help="Only runs in this state.")
@click.option("--since", default="", metavar="YYYY-MM-DD", help="Only runs from this day on (UTC).")
@click.option("--until", default="", metavar="YYYY-MM-DD", help="Only runs up to this day (UTC).")
@AS_JSON
@command_of_django
def export(as_json: bool, **filters: str) -> int:
    """Write the history to stdout: CSV, or JSON with --json."""
    from migration import exports, history
    from mosaic_admin.cli import storage_view

    jobs = history.all_jobs(history.Filters.from_query({**filters, "days": ""}))
    if as_json:
        storage_view.show_document({"schema_version": "1", "runs": [exports.row_of(job) for job in jobs]})
    else:
        for lines in exports.as_csv(jobs):
            echo(lines, nl=False)
    return ExitCode.OK


@command.command("certificate")
@click.argument("number", type=int)
@command_of_django
def certificate(number: int) -> int:
    """Print a verified run's certificate exactly as it was signed."""
    from migration import exports, services

    echo(exports.certificate_text(services.get_job(number)))
    return ExitCode.OK


@command.command("verify")
@click.argument("certificate", type=click.Path(path_type=Path))
@click.option("--key", type=click.Path(path_type=Path), metavar="PUB", help="Public key (PEM) that you trust.")
@click.option("--fingerprint", default="", metavar="F", help="Fingerprint of the key that you trust.")
@click.option("--target", type=click.Path(path_type=Path), metavar="CONFIG", help="Take the target's sums again.")
@click.option("--source", type=click.Path(path_type=Path), metavar="CONFIG", help="Take the source's sums as well.")
@AS_JSON
@command_without_django
def verify(certificate: Path, as_json: bool, **options: Any) -> int:
    """Check a certificate on any machine; reads only, and needs no control plane.

    Exit codes: 0 trusted (and the sums hold), 1 changed, void, or another sum, 3 signature not trusted, 69 unreachable.
    """
    from mosaic_admin.cli.storage_certificate import verify as check

    if options["source"] and not options["target"]:
        raise click.UsageError("--source needs --target: the plan that says how to compare lies in the target.")
    return check(certificate, as_json=as_json, **options)


@command.command("key")
@AS_JSON
@command_without_django
def key(as_json: bool) -> int:
    """Print the public key that checks this install's certificates, and its fingerprint."""
    from mosaic_admin.cli.storage_certificate import show_key

    return show_key(as_json=as_json)


def _told(job: Any, what: str, *, as_json: bool) -> int:
    from migration.bundle import as_summary
    from mosaic_admin.cli import storage_view

    if as_json:
        storage_view.show_document(as_summary(job))
    else:
        echo(f"Run #{job.number} {what}.")
    return ExitCode.OK
