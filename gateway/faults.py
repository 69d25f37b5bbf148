"""What the store's database said while serving, as errors of ours. The driver's words go no further than here."""

from __future__ import annotations

import psycopg

from gateway import codes
from gateway.errors import BadRequestError, NotServingError, StoreConflictError
from mosaic_admin.codes import BUG
from mosaic_admin.errors import MosaicError

RETRY_AFTER_S = 2
_RULES = {
    "23502": "a value is required and missing",
    "23503": "it refers to something that is not in the store",
    "23505": "it is in the store already",
    "23514": "the value is outside of what the column allows",
}


def explain(error: BaseException) -> MosaicError:
    """Return our error for one of Django's or psycopg's."""
    driver = error if isinstance(error, psycopg.Error) else error.__cause__
    state = driver.sqlstate or "" if isinstance(driver, psycopg.Error) else ""
    if state in _RULES and isinstance(driver, psycopg.Error):
        return StoreConflictError(
            f"The store refuses the change: {_RULES[state]}.",
            remediation="Correct the member that the rule in context names, then send it again.",
            rule=driver.diag.constraint_name or driver.diag.column_name or "",
            sqlstate=state,
        )
    if state.startswith("22"):
        return BadRequestError(
            "The store cannot keep one of the values.",
            remediation="Leave out NUL characters, halves of surrogate pairs, and numbers beyond the store's range.",
            sqlstate=state,
        )
    return NotServingError(
        "The store's database did not do what it was asked.",
        remediation="Try again. If it stays, look at the store: mosaic gateway doctor",
        code=codes.STORE_DOWN,
        retry_after_s=RETRY_AFTER_S,
    )


def bug() -> MosaicError:
    return MosaicError(BUG.meaning, remediation="Report it with the lines that the gateway logged at this moment.")
