"""Wrong passwords: counted for an account from an address, for an address, and for an account from everywhere.

They lie in the database, so that all processes count together and a restart forgets none. A try is counted before its
password is looked at: many at one instant are many. What is refused here costs no hash.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address

from django.db.models import QuerySet
from django.utils import timezone

from mosaic_admin.audit.models import Action, AuditEvent
from mosaic_admin.audit.services import record
from mosaic_admin.people.errors import SignInPausedError
from mosaic_admin.people.models import FailedSignIn, User

WRONG_TRIES = 5  # for one account from one address within PAUSE
WRONG_TRIES_OF_ADDRESS = 30  # for any accounts from one address within PAUSE: one password tried on everybody
PAUSE = timedelta(minutes=5)
WRONG_TRIES_OF_ACCOUNT = 50  # from anywhere within LONG_PAUSE: one account tried from many addresses
LONG_PAUSE = timedelta(hours=1)
KNOWN_FOR = timedelta(days=30)  # an address that somebody signed in from so lately is not paused for what others do


def network_of(address: str) -> str:
    """Return what is counted as one address: a whole /64 of IPv6, which is what one visitor gets."""
    try:
        found = ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return f"{IPv6Address(int(found) >> 64 << 64)}/64"
    return str(found)


@contextmanager
def counted(account: str, address: str) -> Iterator[FailedSignIn]:
    """Count a try that may turn out wrong. The body calls `forgive` when the password was right.

    Raises: SignInPausedError, before the body; such a try is not counted.
    """
    account, network = account.strip().lower()[:254], network_of(address)
    FailedSignIn.objects.filter(at__lt=timezone.now() - LONG_PAUSE).delete()
    attempt = FailedSignIn.objects.create(account=account, address=network)
    until = _paused_until(attempt, FailedSignIn.objects.exclude(pk=attempt.pk))
    if until is not None:
        attempt.delete()
        raise _paused(until)
    yield attempt
    if attempt.pk and left_of(attempt) == 0:
        record(Action.SIGN_IN_PAUSED, account)


def refuse_if_last(attempt: FailedSignIn) -> None:
    """Say that the try which just turned out wrong was the last one for a while. Raises SignInPausedError."""
    until = _paused_until(attempt, FailedSignIn.objects.all())
    if until is not None:
        raise _paused(until)


def _paused(until: datetime) -> SignInPausedError:
    return SignInPausedError(
        f"Sign-in for this account is paused until {until:%H:%M:%S} UTC, after too many wrong passwords.",
        remediation="Wait, or run mosaic users reset NAME on the server.",
    )


def forgive(attempt: FailedSignIn) -> None:
    """The password was right: what this account did wrong from this address is forgotten."""
    FailedSignIn.objects.filter(account=attempt.account, address=attempt.address).delete()
    attempt.pk = None


def forget_account(user: User) -> None:
    """End every pause of an account."""
    FailedSignIn.objects.filter(account__in=_names(user)).delete()


def left_of(attempt: FailedSignIn) -> int:
    """Return how many more tries this account has from this address."""
    since = timezone.now() - PAUSE
    made = FailedSignIn.objects.filter(account=attempt.account, address=attempt.address, at__gt=since).count()
    return max(0, WRONG_TRIES - made)


def _paused_until(attempt: FailedSignIn, tries: QuerySet[FailedSignIn]) -> datetime | None:
    """Return when the pause that these tries lead to ends, for the account and the address of one of them."""
    of_address = tries.filter(address=attempt.address)
    ends = [
        _end(of_address.filter(account=attempt.account), WRONG_TRIES, PAUSE),
        _end(of_address, WRONG_TRIES_OF_ADDRESS, PAUSE),
    ]
    user = _by_name(attempt.account)
    if user is None or not _is_known(user, attempt.address):
        names = _names(user) if user else [attempt.account]
        ends.append(_end(tries.filter(account__in=names), WRONG_TRIES_OF_ACCOUNT, LONG_PAUSE))
    return max((end for end in ends if end is not None), default=None)


def _end(tries: QuerySet[FailedSignIn], limit: int, span: timedelta) -> datetime | None:
    """Return when fewer than `limit` of the tries will be younger than `span`; None when it is so now."""
    moments = tries.filter(at__gt=timezone.now() - span).order_by("-at").values_list("at", flat=True)
    found: datetime | None = next(iter(moments[limit - 1 : limit]), None)
    return found + span if found else None


def _by_name(account: str) -> User | None:
    try:
        return User.objects.get_by_natural_key(account)
    except User.DoesNotExist:
        return None


def _names(user: User) -> list[str]:
    return [name for name in (user.username.lower(), user.email.lower()) if name]


def _is_known(user: User, network: str) -> bool:
    """Say whether this person signed in from there lately: nobody else's guesses lock them out."""
    since = timezone.now() - KNOWN_FOR
    seen = AuditEvent.objects.filter(who=user.username, action=Action.SIGN_IN, at__gt=since).order_by("-at")
    return any(network_of(address) == network for address in seen.values_list("address", flat=True)[:100])
