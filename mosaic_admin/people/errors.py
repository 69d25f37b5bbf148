"""What can go wrong with people, sign-in and tokens."""

from __future__ import annotations

from mosaic_admin.errors import MosaicError
from mosaic_admin.people import codes


class SignInError(MosaicError):
    """The name or the password is wrong; which of them is never said."""

    code = codes.WRONG_SIGN_IN


class SignInPausedError(SignInError):
    code = codes.SIGN_IN_PAUSED


class PersonError(MosaicError):
    code = codes.BAD_PERSON


class LastAdminError(MosaicError):
    code = codes.LAST_ADMIN


class LinkError(MosaicError):
    """A one-time link that works no more."""

    code = codes.DEAD_LINK


class TokenRequestError(MosaicError):
    code = codes.BAD_TOKEN_REQUEST


class ScopeMissingError(MosaicError):
    """`context["scope"]` is the scope that the token lacks."""

    code = codes.SCOPE_MISSING


class TooManyRequestsError(MosaicError):
    """`context["retry_after_s"]` goes into the Retry-After header."""

    code = codes.TOO_MANY_REQUESTS
