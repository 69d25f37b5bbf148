"""Name look-up with a deadline: the C library's own can hang far beyond every timeout a driver knows."""

from __future__ import annotations

import queue
import socket
import threading
from ipaddress import ip_address

from tiers.errors import Fault, Service


def is_address(host: str) -> bool:
    """Say whether `host` is an IP address and needs no look-up."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def resolve(host: str, *, service: Service, where: str, timeout_s: float) -> list[str]:
    """Return the addresses of `host`, in the order to try. Raises UnreachableError or NoAnswerError."""
    if is_address(host):
        return [host]
    try:
        return look_up(host, timeout_s=timeout_s)
    except TimeoutError:
        raise Fault.TIMEOUT.build(service, where, timeout_s=timeout_s) from None
    except (OSError, UnicodeError):
        raise Fault.NAME.build(service, where) from None


def look_up(host: str, *, timeout_s: float) -> list[str]:
    """Return what `host` means, in any spelling of a name or an address.

    Raises: TimeoutError; OSError and UnicodeError for a name that means nothing.
    """
    answers: queue.Queue[list[str] | OSError | UnicodeError] = queue.Queue()
    threading.Thread(target=_look_up, args=(host, answers), daemon=True, name="name-look-up").start()
    try:
        answer = answers.get(timeout=timeout_s)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(answer, list):
        return answer
    raise answer


def _look_up(host: str, answers: queue.Queue[list[str] | OSError | UnicodeError]) -> None:
    try:
        found = socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)
        answers.put(list(dict.fromkeys(str(item[4][0]) for item in found)))
    except (OSError, UnicodeError) as exc:  # UnicodeError: a label too long for IDNA
        answers.put(exc)
