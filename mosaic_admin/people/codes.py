"""Codes of people, sign-in and tokens."""

from __future__ import annotations

from mosaic_admin.codes import Code, ExitCode

WRONG_SIGN_IN = Code(
    "MOS-ACC-003",
    "Name or password is wrong",
    "Nobody who may sign in has this name or e-mail with this password.",
    ExitCode.PRIVILEGE,
    422,
)
SIGN_IN_PAUSED = Code(
    "MOS-ACC-004",
    "Sign-in is paused",
    "Five wrong passwords within five minutes, for one account from one address, pause its sign-in; so do thirty from "
    "one address for any accounts, and fifty within an hour for one account from addresses it never signed in from.",
    ExitCode.PRIVILEGE,
    429,
)
BAD_PERSON = Code(
    "MOS-ACC-005",
    "A person cannot be saved like this",
    "A name, e-mail, role or password of a person is not usable, or somebody else has it already.",
    ExitCode.USAGE,
    422,
)
LAST_ADMIN = Code(
    "MOS-ACC-006",
    "The last admin stays",
    "The change would leave this install with nobody who may manage people.",
    ExitCode.USAGE,
    409,
)
BAD_TOKEN_REQUEST = Code(
    "MOS-ACC-007",
    "A token cannot be made like this",
    "A token needs a name and at least one known scope.",
    ExitCode.USAGE,
    422,
)
FORM_EXPIRED = Code(
    "MOS-ACC-008",
    "The form is out of date",
    "The form was not sent by a page of this dashboard, or the page was open since before the last sign-in.",
    ExitCode.PRIVILEGE,
    403,
)
TOO_MANY_REQUESTS = Code(
    "MOS-ACC-021",
    "A token asks too often",
    "Each API token may ask so many times a minute (MOSAIC_TOKEN_RATE). The header Retry-After says when it may again.",
    ExitCode.PRIVILEGE,
    429,
)
DEAD_LINK = Code(
    "MOS-ACC-031",
    "The link does not work any more",
    "An invitation or a link for a new password works once, for three days, and until a newer one is made.",
    ExitCode.PRIVILEGE,
    410,
)

PROVE_AGAIN = Code(
    "MOS-ACC-032",
    "The password is asked once more",
    "Cutover, rollback, stopping the stack, rotating its passwords, making a token, and adding, changing or resetting "
    "a person want your password, typed within ten minutes.",
    ExitCode.PRIVILEGE,
    403,
)

SCOPE_MISSING = Code(
    "MOS-ACC-023",
    "The token may not do this",
    "The token is known and works, and was made without the scope that this address asks for.",
    ExitCode.PRIVILEGE,
    403,
)

ALL = (
    WRONG_SIGN_IN, SIGN_IN_PAUSED, BAD_PERSON, LAST_ADMIN, BAD_TOKEN_REQUEST, FORM_EXPIRED, TOO_MANY_REQUESTS,
    DEAD_LINK, PROVE_AGAIN, SCOPE_MISSING,
)  # fmt: skip
