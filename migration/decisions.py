"""Decisions as people write them, in a form or as options, turned into the engine's `Decisions`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from migration.engine.model import Decisions
from migration.job_errors import BadDecisionError

REASON_LENGTH = 500


def parse_skip(text: str) -> tuple[str, str]:
    """`table=reason`; the reason is history, so it cannot be empty."""
    table, _, reason = text.partition("=")
    if not table.strip() or not reason.strip():
        raise BadDecisionError(
            f"`{text}` does not say which table to skip and why.",
            remediation="Write it as --skip-table 'table=reason'.",
        )
    return table.strip(), reason.strip()[:REASON_LENGTH]


def parse_map(text: str) -> tuple[str, str]:
    """`table.column:old=new` → (`table.column:old`, `new`)."""
    subject, equals, new = text.rpartition("=")
    column, colon, _old = subject.partition(":")
    if not (equals and colon and "." in column and new.strip()):
        raise BadDecisionError(
            f"`{text}` does not say which value becomes which.",
            remediation="Write it as --map-value 'table.column:old=new'.",
        )
    return subject.strip(), new.strip()


def _columns(values: Iterable[str], option: str) -> tuple[str, ...]:
    for value in values:
        if not all(value.partition(".")[::2]):
            raise BadDecisionError(
                f"`{value}` does not name a column.", remediation=f"Write it as {option} table.column."
            )
    return tuple(values)


def from_options(
    *,
    carry_tables: Iterable[str] = (),
    skip_tables: Iterable[str] = (),
    carry_columns: Iterable[str] = (),
    drop_columns: Iterable[str] = (),
    map_values: Iterable[str] = (),
    allow_rejects: int = 0,
    allow_sessions: bool = False,
) -> Decisions:
    """Build the decisions of a command line.

    Raises:
        BadDecisionError: one cannot be understood, or two are about the same thing and say opposite things.
    """
    made = Decisions(
        carry_tables=tuple(carry_tables),
        skip_tables=dict(parse_skip(item) for item in skip_tables),
        carry_columns=_columns(carry_columns, "--carry-column"),
        drop_columns=_columns(drop_columns, "--drop-column"),
        map_values=dict(parse_map(item) for item in map_values),
        allow_rejects=allow_rejects,
        allow_sessions=allow_sessions,
    )
    _refuse_both("table", made.carry_tables, made.skip_tables, "--carry-table", "--skip-table")
    _refuse_both("column", made.carry_columns, made.drop_columns, "--carry-column", "--drop-column")
    return made


def _refuse_both(kind: str, kept: Iterable[str], left: Iterable[str], *options: str) -> None:
    for name in sorted({*kept} & {*left}):
        remedy = f"Write {' or '.join(options)} for it."
        raise BadDecisionError(f"The {kind} `{name}` is to be carried and left behind.", remediation=remedy)


def merge(old: Decisions, new: Decisions) -> Decisions:
    """Return `old` with `new` on top: what is decided anew replaces the opposite decision about the same thing."""
    carry = {*old.carry_tables, *new.carry_tables} - new.skip_tables.keys()
    skip = {**old.skip_tables, **new.skip_tables}
    carry_columns = {*old.carry_columns, *new.carry_columns} - {*new.drop_columns}
    drop_columns = {*old.drop_columns, *new.drop_columns} - {*new.carry_columns}
    return replace(
        old,
        carry_tables=tuple(sorted(carry)),
        skip_tables={table: reason for table, reason in skip.items() if table not in new.carry_tables},
        carry_columns=tuple(sorted(carry_columns)),
        drop_columns=tuple(sorted(drop_columns)),
        map_values={**old.map_values, **new.map_values},
        allow_rejects=max(old.allow_rejects, new.allow_rejects),
        allow_sessions=old.allow_sessions or new.allow_sessions,
    )


def as_options(decisions: Decisions) -> list[str]:
    """Return the decisions as command-line words, for the exact command to go on with."""
    words: list[str] = []
    for table in decisions.carry_tables:
        words += ["--carry-table", table]
    for table, reason in decisions.skip_tables.items():
        words += ["--skip-table", f"{table}={reason}"]
    for column in decisions.carry_columns:
        words += ["--carry-column", column]
    for column in decisions.drop_columns:
        words += ["--drop-column", column]
    for subject, new in decisions.map_values.items():
        words += ["--map-value", f"{subject}={new}"]
    if decisions.allow_rejects:
        words += ["--allow-rejects", str(decisions.allow_rejects)]
    return [*words, "--allow-sessions"] if decisions.allow_sessions else words
