"""One error tree. Every expected failure says what is wrong with which value, and the exact next step."""

from __future__ import annotations

from typing import Any

from mosaic_admin import codes
from mosaic_admin.codes import Code, ExitCode


class MosaicError(Exception):
    """Something expected went wrong; edges show `code`, `message` and `remediation` and nothing else.

    Neither text may hold a secret or a driver's own words (they can hold one): adapters map each driver error
    to a fixed sentence and raise ours `from` it. `context` is for logs and JSON: plain values, no secrets.
    """

    code: Code = codes.BUG

    def __init__(self, message: str, *, remediation: str, code: Code | None = None, **context: Any) -> None:
        super().__init__(message)
        self.message = message
        self.remediation = remediation
        self.context = context
        if code is not None:
            self.code = code

    @property
    def exit_code(self) -> ExitCode:
        return self.code.exit_code

    @property
    def http_status(self) -> int:
        return self.code.http_status

    def as_dict(self) -> dict[str, Any]:
        """Return the one error shape of every JSON answer: `{"error": {code, message, remediation, context}}`."""
        return {
            "error": {
                "code": self.code.id,
                "message": self.message,
                "remediation": self.remediation,
                "context": self.context,
            }
        }


class NotAllowedError(MosaicError):
    code = codes.NOT_ALLOWED


class NotFoundError(MosaicError):
    code = codes.NOT_FOUND


class SettingError(MosaicError):
    """An environment variable has a value that cannot be used."""

    code = codes.BAD_SETTING
