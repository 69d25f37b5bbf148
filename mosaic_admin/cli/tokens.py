"""`mosaic tokens`: API tokens of scripts, for whoever has a shell on the server."""

from __future__ import annotations

import click

from mosaic_admin.cli import setup_django


@click.group(name="tokens")
def command() -> None:
    """API tokens of scripts."""
    setup_django()


@command.command()
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, help="What it may; repeat it for more.")
@click.option("--person", default="", help="Whose token it is (default: the first admin); it ends with their account.")
def create(name: str, scopes: tuple[str, ...], person: str) -> None:
    """Make a token and print it, this once. NAME says what it is for."""
    from mosaic_admin.people import services

    owner = services.person(person) if person else services.first_admin()
    token, raw = services.create_token(name=name, scopes=scopes, created_by=owner)
    click.echo(f"Token {token.pk} for {token.name} ({', '.join(token.scopes)}), shown this once:", err=True)
    click.echo(raw)


@command.command(name="list")
def list_tokens() -> None:
    """List every token: number, state, scopes, last use, name."""
    from mosaic_admin.people.tokens import all_tokens

    for token in all_tokens():
        state = "active" if token.is_active else "revoked"
        used = f"{token.last_used_at:%Y-%m-%d %H:%M}" if token.last_used_at else "never used"
        click.echo(f"{token.pk:>4} {state:<8} {token.prefix}… {','.join(token.scopes):<34} {used:<17} {token.name}")


@command.command()
@click.argument("number", type=int)
def revoke(number: int) -> None:
    """Make the token with this NUMBER (see `mosaic tokens list`) useless from now on."""
    from mosaic_admin.people import services

    token = services.revoke_token(token_id=number)
    click.echo(f"The token {token.pk} ({token.name}) is revoked.")
