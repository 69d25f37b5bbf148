"""Anybody can have a text masked, by asking for an address that does not exist: it must cost next to nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from mosaic_admin.redaction import redact
from tiers.masking import mask_value, redact_source

LENGTH = 100_000  # characters: as long as the longest document that a form takes
LIMIT_S = 2.0  # a second on an idle machine would still be far too much for the 8 kB of a header
PIECES = [
    "secret", "secret=", "'secret", "secret_file", "passwords", "token:", "?secret", "${secret", "a.", "a://", "a://:",
    "a://:@", "x:", ":", "@", ":@", "password ", "password = ", "password='\\'", 'secret"', "bearer ", "/join/",
    "\\", '"',
]  # fmt: skip


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("mask", [redact, mask_value, redact_source], ids=lambda mask: mask.__name__)
def test_masking_takes_no_longer_for_a_hostile_text(mask: Callable[[str], str], piece: str) -> None:
    begun = time.process_time()
    mask(piece * (LENGTH // len(piece)))
    assert time.process_time() - begun < LIMIT_S
