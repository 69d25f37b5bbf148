"""`mosaic doctor`, and the same as `mosaic gateway doctor`: one report, no Django, no control-plane database."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click

from doctor.examine import examine, file_subject, report_on_failure
from doctor.formats import RENDERERS
from doctor.report import Report
from doctor.suppressing import read_rules, suppressed
from mosaic_admin import env
from mosaic_admin.cli.printing import echo
from mosaic_admin.codes import BAD_SETTING, BUG
from mosaic_admin.wiring import probes_for
from tiers.schema import Tier

logger = logging.getLogger(__name__)


@click.command(help="Check this install: exit 0 green (or yellow), 1 yellow under --fail-on warn, 2 red.")
@click.option("--json", "form", flag_value="json", help="The report as JSON, and nothing else on stdout.")
@click.option("--short", "form", flag_value="short", help="Only what wants attention: to paste into a ticket.")
@click.option("--openmetrics", "form", flag_value="openmetrics", help="For a monitor.")
@click.option("--fail-on", type=click.Choice(["warn", "fail"]), default="fail", show_default=True)
@click.option("--tier", type=click.Choice([tier.value for tier in Tier]), help='Ask "could I move there?"')
@click.option("--config", "path", type=click.Path(path_type=Path), help="mosaic.config.json to examine.")
def command(form: str | None, fail_on: str, tier: str | None, path: Path | None) -> None:
    report = report_for(path, tier)
    text = RENDERERS[form or "text"](report)
    echo(text, nl=not text.endswith("\n"))
    sys.exit(report.exit_code(fail_on))


def report_for(path: Path | None, tier: str | None) -> Report:
    """Return the report; what goes wrong before any probe is a red report as well, so that scripts get JSON."""
    try:
        environment = env.load()
        subject = file_subject(path or environment.config).towards(tier, environment.home)
        report = examine(subject, probes_for)
        return suppressed(report, read_rules(environment.home)) if subject.tier is None else report
    except SystemExit:  # env.load has named the bad variables on stderr
        return report_on_failure(
            BAD_SETTING, "An environment variable of Mosaic Admin has a bad value.", "Correct what stderr names."
        )
    except Exception:
        logger.exception("The doctor failed before it had a report")
        return report_on_failure(BUG, BUG.meaning, "Report it with the log lines on stderr; they hold no secret.")
