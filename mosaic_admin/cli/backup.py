"""`mosaic backup`: the dashboard's database and keys into one file, and back."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import click

from mosaic_admin import env
from mosaic_admin.backup.archive import Manifest, is_sealed, read
from mosaic_admin.backup.sealed import not_readable
from mosaic_admin.cli import setup_django
from mosaic_admin.cli.printing import echo

FILE = click.argument("file", type=click.Path(path_type=Path))
PASSPHRASE_FILE = click.option(
    "--passphrase-file", type=click.Path(path_type=Path), metavar="F", help="File that holds the passphrase."
)


@click.group(name="backup")
def command() -> None:
    """Back the dashboard up, and restore it."""


@command.command()
@FILE
@click.option("--encrypt", is_flag=True, help="Ask for a passphrase.")
@PASSPHRASE_FILE
@click.option("--without-config", is_flag=True, help="Leave mosaic.config.json out.")
@click.option("--with-secrets", is_flag=True, help="Passwords of servers (MOSAIC_HOME/secrets) too.")
def create(
    file: Path, *, encrypt: bool, passphrase_file: Path | None, without_config: bool, with_secrets: bool
) -> None:
    """Write database, keys and configuration to a new FILE, while everything runs."""
    passphrase = _passphrase(passphrase_file)
    if encrypt and not passphrase:
        passphrase = click.prompt("Passphrase", hide_input=True, confirmation_prompt=True)
    setup_django()
    from mosaic_admin.backup.create import create_backup

    made = create_backup(
        Path(os.path.abspath(file)),
        env.load(),
        is_with_config=not without_config,
        is_with_secrets=with_secrets,
        passphrase=passphrase,
    )
    echo(f"Wrote {file}: {describe(made)}.")
    for words in made.left_out:
        echo(f"  Not in it: {words}")
    if not passphrase:
        echo("  It holds keys and password hashes, unencrypted: keep it as you keep those.")


@command.command()
@FILE
@PASSPHRASE_FILE
def verify(file: Path, passphrase_file: Path | None) -> None:
    """Read FILE through: every checksum, and what it holds. Changes nothing."""
    manifest = read(file, _passphrase_for(file, passphrase_file))
    echo(f"{file} is whole: {describe(manifest)}.")
    for member in manifest.members:
        echo(f"  {member.size:>12,}  {member.sha256[:16]}  {member.name}")


@command.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@PASSPHRASE_FILE
@click.option("--with-config", is_flag=True, help="Put mosaic.config.json back too.")
@click.option("--with-secrets", is_flag=True, help="Put the passwords of servers back too.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--finish", is_flag=True, help="Finish a restore that was cut short; without FILE.")
def restore(
    file: Path | None, *, passphrase_file: Path | None, with_config: bool, with_secrets: bool, yes: bool, finish: bool
) -> None:
    """Replace the dashboard's database and keys by those of FILE, with everything stopped. What was there is kept."""
    from mosaic_admin.backup.services import finish_restore, restore_backup

    if finish == bool(file):
        raise click.UsageError("Name a FILE, or --finish a restore that was cut short.")
    if file is None:
        done = finish_restore(env.load())
        echo("No restore was cut short." if done is None else _done(done.id))
        return
    done = restore_backup(
        file,
        env.load(),
        passphrase=_passphrase_for(file, passphrase_file),
        is_with_config=with_config,
        is_with_secrets=with_secrets,
        confirm=_confirm(is_asked=not yes),
    )
    echo(_done(done.id))


def describe(manifest: Manifest) -> str:
    """Return in words what a backup is: database, when and by which version."""
    return f"{manifest.engine} database of {manifest.created_at}, Mosaic Admin {manifest.mosaic_version}"


def _confirm(*, is_asked: bool) -> Callable[[Manifest], None]:
    def confirm(manifest: Manifest) -> None:
        echo(f"The backup is whole: {describe(manifest)}.")
        if is_asked:
            click.confirm("Replace this install's dashboard by it?", abort=True)

    return confirm


def _done(restore_id: str) -> str:
    home = env.load().home
    return (
        f"Restored. What was there before is kept in {home / f'before-restore-{restore_id}'}"
        f"{f' and in the schema mosaic_before_{restore_id}' if env.load().database_url else ''}.\n"
        "Everybody signs in again. Tokens and accounts are those of the backup: close again what was closed since."
    )


def _passphrase_for(file: Path, passphrase_file: Path | None) -> str:
    given = _passphrase(passphrase_file)
    if given or not is_sealed(file):
        return given
    return str(click.prompt("Passphrase", hide_input=True)) if sys.stdin.isatty() else ""


def _passphrase(file: Path | None) -> str:
    try:
        words = file.read_text().rstrip("\r\n") if file else "-"
    except (OSError, UnicodeDecodeError):
        words = ""
    if not words:
        raise not_readable(f"{file} holds no passphrase")
    return words if file else ""
