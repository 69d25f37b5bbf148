"""`mosaic tokens`: API tokens of scripts, for whoever has a shell on the server."""

from __future__ import annotations

import click

from mosaic_admin.cli import setup_django
from mosaic_admin.cli.printing import echo

LIFETIMES = ("30d", "90d", "1y", "never")  # people.models.Lifetime, which cannot be imported yet


@click.group(name="tokens")
def command() -> None:
    """API tokens of scripts."""
    setup_django()


@command.command()
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, help="What it may; repeat it for more.")
@click.option("--person", default="", help="Whose token it is (default: the first admin); it ends with their account.")
@click.option(
    "--expires",
    type=click.Choice(LIFETIMES),
    default="90d",
    show_default=True,
    help="How long it works; `never` until somebody revokes it.",
)
def create(name: str, scopes: tuple[str, ...], person: str, expires: str) -> None:
    """Make a token and print it, this once. NAME says what it is for."""
    from mosaic_admin.people import services

    owner = services.person(person) if person else services.first_admin()
    token, raw = services.create_token(name=name, scopes=scopes, created_by=owner, lifetime=expires)
    end = f"until {token.expires_at:%Y-%m-%d}" if token.expires_at else "until it is revoked"
    echo(f"Token {token.pk} for {token.name} ({', '.join(token.scopes)}), {end}, shown this once:", err=True)
    echo(raw)


@command.command(name="list")
def list_tokens() -> None:
    """List every token: number, state, scopes, last use, when it expires, name."""
    from mosaic_admin.people.models import ENDING
    from mosaic_admin.people.tokens import all_tokens
    from mosaic_admin.templatetags.looks import ahead

    ending = 0
    for token in all_tokens():
        state = "revoked" if token.revoked_at else "expired" if token.is_expired else "active"
        used = f"{token.last_used_at:%Y-%m-%d %H:%M}" if token.last_used_at else "never used"
        end = f"expires {ahead(token.expires_at)}" if token.is_active else ""
        scopes = ",".join(token.scopes)
        echo(f"{token.pk:>4} {state:<8} {token.prefix}… {scopes:<34} {used:<17} {end:<19} {token.name}")
        ending += token.is_ending
    if ending:
        words = "1 token ends" if ending == 1 else f"{ending} tokens end"
        echo(
            f"{words} within {ENDING.days} days. Make another, and give it to whatever calls with the old one.",
            err=True,
        )


@command.command()
@click.argument("number", type=int)
def revoke(number: int) -> None:
    """Make the token with this NUMBER (see `mosaic tokens list`) useless from now on."""
    from mosaic_admin.people import services

    token = services.revoke_token(token_id=number)
    echo(f"The token {token.pk} ({token.name}) is revoked.")
