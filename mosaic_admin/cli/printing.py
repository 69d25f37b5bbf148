"""The one place where the command line prints: names out of somebody's database do not steer the reader's terminal."""

from __future__ import annotations

import click

# Control characters but tab and line feed, and the marks that turn the direction of writing or end a line for some
# viewers. Written as JSON writes them, so that a document stays the same document.
_STEERING = [*range(0x20), *range(0x7F, 0xA0), *range(0x2028, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F]
_SPELT_OUT = {code: f"\\u{code:04x}" for code in _STEERING if chr(code) not in "\t\n"}


def shown(text: str) -> str:
    """Return the text with what a terminal would obey spelt out."""
    return text.translate(_SPELT_OUT)


def echo(text: str = "", *, err: bool = False, nl: bool = True, is_over_line: bool = False) -> None:
    """Print a text to standard output, or with `err` to standard error; `is_over_line` in place of the line begun."""
    click.echo(f"{chr(13) if is_over_line else ''}{shown(text)}", err=err, nl=nl)
