"""One attempt at a migration in a process of its own: `python -m tests.integration.stack.worker SOURCE TARGET`.

Prints `begun`, then one line of JSON. Exit 0: verified. 3: an expected error, which a later attempt can put right.
Anything else is a traceback, which no fault of a server may cause.
"""

from __future__ import annotations

import json
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mosaic_admin.settings")

CHUNK_ROWS = 200  # many checkpoints in a small source


def main(source_url: str, target_url: str) -> int:
    django.setup()
    from migration.engine.model import Decisions, OutcomeState
    from mosaic_admin.errors import MosaicError
    from tests.integration.engine.support import make_plan, run, source_at, target_at

    sys.stdout.write("begun\n")
    sys.stdout.flush()
    try:
        source, target = source_at(source_url), target_at(target_url)
        outcome = run(make_plan(source, target, Decisions()), source, target, chunk_rows=CHUNK_ROWS)
    except MosaicError as error:
        is_final = bool(error.context.get("is_final", False))
        sys.stdout.write(json.dumps({"code": error.code.id, "message": error.message, "is_final": is_final}) + "\n")
        return 3
    sys.stdout.write(json.dumps({"state": outcome.state.value, "durations": outcome.durations}) + "\n")
    return 0 if outcome.state is OutcomeState.VERIFIED else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
