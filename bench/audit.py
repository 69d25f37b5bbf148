"""Time the audit log with a million events: `python bench/audit.py [ROWS]`; DATABASE_URL for PostgreSQL, else SQLite.

Prints milliseconds (median of seven) for each filter, on the newest page and on one in the middle of the log.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mosaic_admin.settings")
os.environ.setdefault("MOSAIC_HOME", tempfile.mkdtemp(prefix="mosaic-bench-"))

import django

django.setup()

from django.core.management import call_command  # noqa: E402 - Django first
from django.db import connection  # noqa: E402

from mosaic_admin.audit.models import Action, AuditEvent  # noqa: E402
from mosaic_admin.audit.search import Filter, find_all, find_page  # noqa: E402
from mosaic_admin.paging import Cursor  # noqa: E402

ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
ACTIONS = [action.value for action in Action]


NUMBERS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %s - 1) ",
    "postgresql": "WITH n(i) AS (SELECT * FROM generate_series(0, %s - 1)) ",
}
MOMENTS = {
    "sqlite": "datetime('2024-01-01', i || ' minutes')",
    "postgresql": "timestamptz '2024-01-01 00:00Z' + i * interval '1 minute'",
}


def fill() -> None:
    """One event a minute: a hundred people, one of them rare; the actions in turn."""
    actions = " ".join(f"WHEN {number} THEN '{action}'" for number, action in enumerate(ACTIONS))
    with connection.cursor() as cursor:
        cursor.execute(
            f"{NUMBERS[connection.vendor]} INSERT INTO audit_auditevent"
            " (at, action, who, role, channel, address, subject, link, why, error_code, after)"
            f" SELECT {MOMENTS[connection.vendor]}, CASE i * 7 %% {len(ACTIONS)} {actions} END,"
            " CASE WHEN i %% 100000 = 7 THEN 'rare' ELSE 'person-' || i %% 99 END, 'operator', 'web', '192.0.2.7',"
            " 'run #' || i, '', '', '', '{\"tier\": \"federated\"}' FROM n",
            [ROWS],
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
