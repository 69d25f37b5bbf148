"""Codes of the audit log."""

from __future__ import annotations

from mosaic_admin.codes import Code, ExitCode

APPEND_ONLY = Code(
    "MOS-ACC-030",
    "The audit log only grows",
    "Something tried to change or to delete an event of the audit log. Events are only ever added.",
    ExitCode.USAGE,
    409,
)

ALL = (APPEND_ONLY,)
