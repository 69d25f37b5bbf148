"""Brings the SQLite copy of a restore up to date, run with MOSAIC_HOME set to the copy's folder (`backup.restore`)."""

from __future__ import annotations

import json
import sys

from mosaic_admin.backup.archive import parse_manifest
from mosaic_admin.cli import setup_django
from mosaic_admin.errors import MosaicError


def main(subject: str, facts: str) -> None:
    """Read the backup's manifest from standard input; a schema that is unknown here ends with the code of that."""
    setup_django()
    from django.core.management import call_command  # these need Django to be set up

    from mosaic_admin.backup.schema import note_restore, require_known_schema

    require_known_schema(parse_manifest(sys.stdin.buffer.read()))
    call_command("migrate", interactive=False, verbosity=0)
    note_restore(subject, json.loads(facts))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except MosaicError as error:
        sys.exit(error.exit_code)
