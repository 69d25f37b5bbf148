"""What the root's fixtures keep from one test to the next: nothing."""

from __future__ import annotations

import pytest

from mosaic_admin.redaction import redact, remember_secret


@pytest.mark.parametrize("turn", ["one", "the other"])
def test_no_secret_is_left_of_the_test_before(turn: str) -> None:
    """Whichever comes second would find what the first one met."""
    words = "open-sesame-4711 and the zebras"
    assert redact(words) == words, turn
    remember_secret("open-sesame-4711", "zebras")
    assert redact(words) == "••• and the •••"
