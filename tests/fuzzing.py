"""How long generated tests go on: seconds in CI, and minutes each where MOSAIC_TEST_FUZZ_MINUTES asks for them.

A property is then tried with new examples until its minutes are over; a failure shows as it always does.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings

MINUTES = float(os.environ.get("MOSAIC_TEST_FUZZ_MINUTES") or 0)  # per property, and per API
EXAMPLES = int(os.environ.get("MOSAIC_TEST_EXAMPLES") or (500 if os.environ.get("CI") else 100))
_settings = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])

Test = TypeVar("Test", bound=Callable[..., Any])


def MANY(property_: Test) -> Test:  # noqa: N802  # stands where hypothesis's own `settings` would
    """Give a property our number of examples, and in the long mode as many rounds as its minutes hold."""
    tried = _settings(property_)
    if not MINUTES:
        return tried

    @functools.wraps(tried)
    def rounds(*args: Any, **kwargs: Any) -> None:
        end = time.monotonic() + MINUTES * 60
        while time.monotonic() < end:
            tried(*args, **kwargs)

    return rounds  # type: ignore[return-value]
