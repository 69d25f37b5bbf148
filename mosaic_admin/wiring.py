"""Puts the packages together: the only module that knows every package's codes and probes."""

from __future__ import annotations

from compose import codes as compose_codes
from doctor import codes as doctor_codes
from mosaic_admin import codes
from mosaic_admin.codes import Code
from mosaic_admin.people import codes as people_codes
from store import codes as store_codes
from tiers import codes as tiers_codes

ALL_CODES: dict[str, Code] = {
    code.id: code
    for code in (
        *codes.ALL,
        *people_codes.ALL,
        *store_codes.ALL,
        *doctor_codes.ALL,
        *compose_codes.ALL,
        *tiers_codes.ALL,
    )
}
