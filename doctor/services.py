"""What page, API and schedule ask of the doctor. The command line calls `doctor.examine`, which needs no Django."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.utils import timezone
from django.utils.module_loading import import_string

from doctor import history, suppressions
from doctor.examine import Assembler, Subject, examine, file_subject, tier_word
from doctor.formats import as_compact_json
from doctor.models import Span
from doctor.probe import Probe
from doctor.probes.config import ConfigDrift
from doctor.reading import read_report
from doctor.report import Report
from doctor.sharing import shared_run
from doctor.suppressing import suppressed
from mosaic_admin.codes import Code
from mosaic_admin.errors import NotFoundError
from tiers.models import TierConfig
from tiers.services import drift, resolve_config


def run_report(tier: str | None = None, *, is_forced: bool = False, is_polled: bool = False) -> Report:
    """Examine this install now and keep the result in the history; with `tier`, what a move there would need.

    Callers at one moment share a run; `is_forced` takes none that began before the call. `is_polled` comes often.
    """
    path = settings.ENV.config
    return shared_run(
        f"{path} {tier or ''}",
        lambda: _examine_own(path, is_polled) if tier is None else examine(_subject(path, tier), _assembler()),
        read=lambda text: read_report(json.loads(text), all_codes()),
        write=as_compact_json,
        folder=settings.HOME / "run",
        share_s=settings.ENV.doctor_share_s,
        is_forced=is_forced,
    )


def _examine_own(path: Path, is_polled: bool) -> Report:
    report = suppressed(examine(file_subject(path), _assembler(), extra=_drift(path)), suppressions.rules())
    history.record(report, is_polled=is_polled)
    return report


def check_now() -> Report:
    """Examine this install and keep the result in the history."""
    return run_report()


def look_again() -> Report:
    """Examine this install now, whoever looks at this moment: something was just changed."""
    return run_report(is_forced=True)


def _subject(path: Path, tier: str | None) -> Subject:
    """Return the file; for another tier the dashboard's configuration of it, else this install's default."""
    subject = file_subject(path)
    if tier is None or tier_word(path) == tier:
        return subject
    row = TierConfig.objects.filter(tier=tier).order_by("-is_active", "pk").first()
    if row is None:
        return subject.towards(tier, settings.HOME)
    return Subject(row.name, path, lambda: resolve_config(row), tier)


def _drift(path: Path) -> list[Probe]:
    """Ask the control plane whether the file is what was activated; nothing was activated: nothing to ask."""
    if not TierConfig.objects.filter(is_active=True).exists():
        return []
    return [ConfigDrift(drift(path))]


def _assembler() -> Assembler:
    return cast(Assembler, import_string(settings.MOSAIC_PROBE_ASSEMBLER))


def status_word() -> str:
    """Return green, yellow, red, or unknown when nobody looked within three minutes."""
    return history.status_word(timezone.now())


WORDS = {"green": "Green", "yellow": "Yellow", "red": "Red"}


def current_light() -> dict[str, Any]:
    """Return what the strip of every page shows: kind, word, and when it was looked at."""
    row = Span.objects.values("light", "seen_at", "suppressed").first()
    if row is None:
        return {"kind": "unknown", "word": "Not checked yet", "checked_at": None}
    if timezone.now() - row["seen_at"] > history.STALE:
        return {"kind": "unknown", "word": "Unknown", "checked_at": row["seen_at"]}
    aside = f", {row['suppressed']} suppressed" if row["suppressed"] else ""
    word = f"{WORDS.get(row['light'], 'Unknown')}{aside}"
    return {"kind": row["light"], "word": word, "checked_at": row["seen_at"]}


def all_codes() -> dict[str, Code]:
    """Return every code of every package, by its id."""
    return cast(dict[str, Code], import_string(settings.MOSAIC_CODES))


def code(code_id: str) -> Code:
    """Return one code. Raises: NotFoundError."""
    found = all_codes().get(code_id.upper())
    if found is None:
        raise NotFoundError(f"There is no code {code_id[:40]}.", remediation="All codes are listed at /doctor/codes/.")
    return found
