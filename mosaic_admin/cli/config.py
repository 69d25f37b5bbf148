"""`mosaic config`: read, check and rewrite mosaic.config.json. Only `activate` needs the dashboard's database."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from mosaic_admin import env
from mosaic_admin.cli import setup_django
from mosaic_admin.cli.noting import note
from mosaic_admin.cli.printing import echo
from mosaic_admin.codes import ExitCode
from mosaic_admin.errors import MosaicError
from tiers import codes
from tiers.config import ConfigError, ConfigFileError, ConfigWarning, ResolvedConfig, config_schema, load_config
from tiers.reading import read_bytes
from tiers.upgrade import text_diff, upgraded_text
from tiers.writing import folder_lock, write_atomically

FILE = click.argument("file", type=click.Path(path_type=Path), required=False)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")


@click.group("config")
def command() -> None:
    """Read, check and rewrite mosaic.config.json (MOSAIC_CONFIG)."""


@command.command()
@FILE
@AS_JSON
def validate(file: Path | None, as_json: bool) -> None:
    """Check FILE: exit 0, or 78 with every problem."""
    path = file or env.load().config
    try:
        config = load_config(path)
    except (ConfigError, ConfigFileError) as error:
        _refuse(path, error, as_json=as_json)
        return
    if as_json:
        _print_json({"valid": True, "file": str(path), "tier": config.tier, "problems": [], **_warnings(config)})
        return
    echo(f"{path} is valid: tier {config.tier}, storage {config.storage.display}, queue {config.queue.display}.")
    for warning in config.warnings:
        _print_warning(warning)


@command.command()
@FILE
@AS_JSON
def show(file: Path | None, as_json: bool) -> None:
    """Print the values in use and where each comes from; secrets are masked."""
    path = file or env.load().config
    config = load_config(path)
    values = [value.as_dict() for value in config.effective()]
    if as_json:
        _print_json({"file": str(path), "tier": config.tier, "values": values, **_warnings(config)})
        return
    width = max(len(value["path"]) for value in values)
    wide = max(len(value["value"]) for value in values)
    for value in values:
        echo(f"{value['path']:{width}}  {value['value']:{wide}}  {value['source']}")
    for warning in config.warnings:
        _print_warning(warning)


@command.command()
def schema() -> None:
    """Print the JSON Schema (2020-12) of the file."""
    _print_json(config_schema())


@command.command()
@FILE
@click.option("--yes", is_flag=True, help="Write without asking.")
def upgrade(file: Path | None, yes: bool) -> None:
    """Rewrite old words in FILE; shows the change first and keeps the formatting."""
    path = file or env.load().config
    before = _text(path)
    after = upgraded_text(before, source=path.name)
    if after == before:
        echo(f"{path} has no old words; nothing to do.")
        return
    echo(text_diff(before, after, name=path.name))
    if not yes and not _is_confirmed(path, f"mosaic config upgrade {shlex.quote(str(path))}"):
        echo("Nothing was changed.")
        return
    with folder_lock(path):
        if _text(path) != before:
            raise MosaicError(
                f"{path} changed while you looked at the difference. Nothing was overwritten.",
                remediation=f"Run `mosaic config upgrade {shlex.quote(str(path))}` again.",
                code=codes.CONFIG_STALE,
            )
        write_atomically(path, after, mode=path.stat().st_mode & 0o777)
    note("configuration.upgrade", path.name, after={"difference": text_diff(before, after, name=path.name)})
    echo(f"{path} is upgraded. The gateway reads it at its next start.")


@command.command()
@click.argument("name")
@click.option("--why", default="", help="Kept in the history.")
@click.option("--yes", is_flag=True, help="Write without asking.")
def activate(name: str, why: str, yes: bool) -> None:
    """Write the dashboard's configuration NAME (or its number) to the file; shows the change first."""
    setup_django()
    from mosaic_admin.cli import config_activate  # needs the dashboard's database, unlike the rest of the group

    config_activate.activate(name, why=why, is_confirmed=lambda path, command: yes or _is_confirmed(path, command))


def _is_confirmed(path: Path, repeat: str) -> bool:
    if not sys.stdin.isatty():
        raise MosaicError(
            "Nothing was changed: there is nobody to ask.",
            remediation=f"Look at the change above, then run `{repeat} --yes`.",
            code=codes.CONFIG_UNCONFIRMED,
        )
    return click.confirm(f"Write this to {path}?")


def _text(path: Path) -> str:
    content = read_bytes(path)
    try:
        return content.decode()
    except UnicodeDecodeError:
        load_config(path)  # words the encoding problem
        raise


def _refuse(path: Path, error: ConfigError | ConfigFileError, *, as_json: bool) -> None:
    problems = [problem.as_dict() for problem in error.problems] if isinstance(error, ConfigError) else []
    problems = problems or [{"path": "", "reason": error.message, "remedy": error.remediation}]
    if as_json:
        body = {"valid": False, "file": str(path), "tier": None, "problems": problems, "warnings": []}
        _print_json({**body, "code": error.code.id})
    else:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        echo(f"{error.code.id} {path} has {count}.", err=True)
        for problem in problems:
            echo(f"  {problem['path'] or 'the file'}: {problem['reason']}\n    Fix: {problem['remedy']}", err=True)
    sys.exit(ExitCode.CONFIG)


def _warnings(config: ResolvedConfig) -> dict[str, Any]:
    return {"warnings": [warning.as_dict() for warning in config.warnings]}


def _print_warning(warning: ConfigWarning) -> None:
    echo(f"{warning.code.id} {warning.message}\nFix: {warning.remediation}", err=True)


def _print_json(data: dict[str, Any]) -> None:
    echo(json.dumps(data, indent=2, ensure_ascii=False))
