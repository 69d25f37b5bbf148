"""What the gateway refuses, as errors with a remedy."""

from __future__ import annotations

from gateway import codes
from mosaic_admin.codes import Code
from mosaic_admin.errors import MosaicError


class BootRefusedError(MosaicError):
    """The gate does not let the gateway start: what it found, what it expected, what to do."""

    def __init__(self, found: str, *, expected: str, fix: str, code: Code) -> None:
        super().__init__(found, remediation=fix, code=code, expected=expected)
        self.expected = expected


class NotServingError(MosaicError):
    """The gateway runs and serves nothing now; `retry_after_s` goes into the Retry-After header."""

    code = codes.PAUSED

    def __init__(self, message: str, *, remediation: str, code: Code, retry_after_s: int) -> None:
        super().__init__(message, remediation=remediation, code=code, retry_after_s=retry_after_s)
        self.retry_after_s = retry_after_s

    @property
    def http_status(self) -> int:
        return 503  # whatever its cause is called elsewhere: the client waits and asks again


class StillInFlightError(MosaicError):
    code = codes.REQUESTS_IN_FLIGHT


class NoTokenError(MosaicError):
    code = codes.NO_TOKEN


class BadRequestError(MosaicError):
    code = codes.BAD_REQUEST


class RecordNotFoundError(MosaicError):
    code = codes.NOT_FOUND


class StoreConflictError(MosaicError):
    code = codes.CONFLICT


class ScopeMissingError(MosaicError):
    code = codes.SCOPE_MISSING


class TooManyRequestsError(MosaicError):
    """`retry_after_s` goes into the Retry-After header."""

    code = codes.TOO_MANY_REQUESTS

    def __init__(self, message: str, *, remediation: str, retry_after_s: int) -> None:
        super().__init__(message, remediation=remediation, retry_after_s=retry_after_s)
        self.retry_after_s = retry_after_s


class NoVectorsError(MosaicError):
    code = codes.NO_VECTORS


class TooLargeError(MosaicError):
    code = codes.TOO_LARGE


class NoMethodError(MosaicError):
    code = codes.NO_METHOD


class GatewayNotRunningError(MosaicError):
    code = codes.NOT_RUNNING
