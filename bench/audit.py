"""Time the audit log with a million events: `python bench/audit.py [ROWS]`; DATABASE_URL for PostgreSQL, else SQLite.

Prints milliseconds (median of seven) for each filter, on the newest page and on one in the middle of the log.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mosaic_admin.settings")
os.environ.setdefault("MOSAIC_HOME", tempfile.mkdtemp(prefix="mosaic-bench-"))

import django

django.setup()

from django.core.management import call_command  # noqa: E402 - Django first
from django.db import connection  # noqa: E402

from mosaic_admin.audit.models import Action, AuditEvent  # noqa: E402
from mosaic_admin.audit.search import Cursor, Filter, find_all, find_page  # noqa: E402

ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
START = datetime(2024, 1, 1, tzinfo=UTC)
ACTIONS = [action.value for action in Action]


def fill() -> None:
    """One event a minute: a hundred people, one of them rare; the actions in turn."""
    for base in range(0, ROWS, 10_000):
        AuditEvent.objects.bulk_create(
            AuditEvent(
                at=START + timedelta(minutes=item),
                who="rare" if item % 100_000 == 7 else f"person-{item % 99}",
                action=ACTIONS[item * 7 % len(ACTIONS)],
                channel="web",
                address="192.0.2.7",
                subject=f"run #{item}",
                after={"tier": "federated", "number": item},
            )
            for item in range(base, min(base + 10_000, ROWS))
        )


def timed(wanted: Filter, before: Cursor | None) -> float:
    spent = []
    for _ in range(7):
        begun = time.perf_counter()
        find_page(wanted, before)
        spent.append((time.perf_counter() - begun) * 1000)
    return statistics.median(spent)


def main() -> None:
    call_command("migrate", verbosity=0)
    if not AuditEvent.objects.exists():
        begun = time.perf_counter()
        fill()
        print(f"{ROWS:,} events written in {time.perf_counter() - begun:.0f} s")
    if connection.vendor == "postgresql":
        connection.cursor().execute("ANALYZE audit_auditevent")
    middle = AuditEvent.objects.order_by("id")[ROWS // 2]
    day = middle.at.date()
    filters = {
        "nothing": Filter(), "person": Filter(who="person-5"), "rare person": Filter(who="rare"),
        "action": Filter(action="stack.up"), "person and action": Filter(who="person-5", action="stack.up"),
        "rare person and action": Filter(who="rare", action="stack.up"), "one day": Filter(since=day, until=day),
        "person on one day": Filter(who="person-5", since=day, until=day),
        "action since a day": Filter(action="stack.up", since=day), "nobody": Filter(who="nobody"),
    }  # fmt: skip
    print(f"{connection.vendor}, {ROWS:,} events\n{'filter':<24} newest page   middle page (ms)")
    for name, wanted in filters.items():
        print(f"{name:<24} {timed(wanted, None):>11.1f} {timed(wanted, Cursor(middle.at, middle.pk)):>13.1f}")
    begun = time.perf_counter()
    count = sum(1 for _ in find_all(Filter()))
    print(f"export of all: {count:,} events in {time.perf_counter() - begun:.1f} s")


if __name__ == "__main__":
    main()
