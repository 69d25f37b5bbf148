"""Call an address that a person typed in: signed, without redirects, and never into the network behind this machine."""

from __future__ import annotations

import hashlib
import hmac
import socket
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpx

from doctor import codes
from mosaic_admin.errors import MosaicError
from tiers.network import look_up

TIMEOUT = httpx.Timeout(5.0, connect=3.0)
WHOLE_S = 10.0  # a receiver that answers a byte now and then must not keep a worker's thread
LOOK_UP_S = 3.0  # the C library's own look-up can hang far longer
Address = IPv4Address | IPv6Address


class WebhookTargetError(MosaicError):
    """The address is none that a webhook may call."""

    code = codes.WEBHOOK_TARGET


@dataclass(frozen=True)
class Target:
    """A checked address: `address` is what the name meant when it was checked, and what is called."""

    url: str
    host: str
    port: int
    address: str
    is_tls: bool

    @property
    def display(self) -> str:
        """What may be shown: the path of many receivers is a secret itself."""
        return f"{self.host}:{self.port}"

    @property
    def pinned_url(self) -> str:
        """The URL with the checked address in place of the name: a second look-up could give another one."""
        parts = urlsplit(self.url)
        host = f"[{self.address}]" if ":" in self.address else self.address
        return parts._replace(netloc=f"{host}:{self.port}", fragment="").geturl()


def check_target(url: str, allowed: str) -> Target:
    """Return the address behind a URL. `allowed` (MOSAIC_WEBHOOK_ALLOW) lists hosts and networks that may be private.

    Raises: WebhookTargetError.
    """
    parts = _parts(url)
    host, is_tls = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    names = [item.strip().lower() for item in allowed.split(",") if item.strip()]
    found = _addresses(host)
    if host not in names and not all(is_public(item) or _is_in(item, names) for item in found):
        raise WebhookTargetError(
            f"{host} is an address inside a private network.",
            remediation="Use a receiver with a public address, or allow this one: MOSAIC_WEBHOOK_ALLOW=HOST (or a "
            "network as 10.1.0.0/16) in the environment of web and worker.",
        )
    return Target(parts.geturl(), host, port, str(found[0]), is_tls)


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url.strip())
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        is_usable = is_usable and "@" not in parts.netloc
        if is_usable and not parts.netloc.isascii():  # one spelling for the look-up, TLS and the Host header
            port = f":{parts.port}" if parts.port else ""
            parts = parts._replace(netloc=(parts.hostname or "").encode("idna").decode() + port)
    except ValueError:  # UnicodeError is one
        is_usable = False
    if not is_usable:
        raise WebhookTargetError(
            "This is no address that a webhook can call.",
            remediation="Write https://HOST/PATH, without user and password: the signature says who calls.",
        )
    return parts


def _addresses(host: str) -> list[Address]:
    try:
        found = look_up(host, timeout_s=LOOK_UP_S)
    except TimeoutError:
        raise WebhookTargetError(
            f"The name service did not say within {LOOK_UP_S:g} s what {host} means.",
            remediation="Try again; if it stays, see to the name service of this machine.",
        ) from None
    except (OSError, UnicodeError):
        raise WebhookTargetError(
            f"The host name {host} is not known.",
            remediation="Correct the address, or the name service of this machine.",
        ) from None
    return list(dict.fromkeys(_plain(ip_address(item.split("%")[0])) for item in found))


def _plain(address: Address) -> Address:
    """Look through IPv6 forms that carry an IPv4 address: ::ffff:127.0.0.1 is this machine."""
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1] or _nat64(address)
    return address


def _nat64(address: IPv6Address) -> Address:
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in ip_network("64:ff9b::/96") else address


def is_public(address: Address) -> bool:
    """Say whether anybody on the internet could be there; everything set apart (RFC 6890) and multicast is not."""
    is_old_private = isinstance(address, IPv6Address) and address.is_site_local  # fec0::/10 counts as global
    is_special = address.is_multicast or address.is_reserved or address.is_unspecified
    return address.is_global and not is_old_private and not is_special


def _is_in(address: Address, names: Iterable[str]) -> bool:
    for name in names:
        try:
            if address in ip_network(name, strict=False):
                return True
        except ValueError:  # a host name
            continue
    return False


def signature(secret: str, body: bytes, at: int) -> str:
    """Return the header's value: HMAC-SHA256 over `<seconds>.<body>`, so that an old message cannot be sent again."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def post(target: Target, secret: str, body: bytes, headers: Mapping[str, str]) -> int:
    """Send the body and return the status. Nothing of the answer is read, and no redirect is followed.

    Raises: httpx.HTTPError.
    """
    signed = {
        "Host": urlsplit(target.url).netloc,
        "Content-Type": "application/json",
        "Mosaic-Signature": signature(secret, body, int(time.time())),
        **headers,
    }
    deadline = _Deadline(WHOLE_S)
    options = {"trace": deadline.watch} | ({"sni_hostname": target.host} if target.is_tls else {})
    with (
        deadline,
        httpx.Client(timeout=TIMEOUT, trust_env=False, follow_redirects=False) as client,
        client.stream("POST", target.pinned_url, content=body, headers=signed, extensions=options) as answer,
    ):
        return answer.status_code


class _Deadline:
    """End a call that takes too long as a whole: httpx's own times begin anew with each byte that arrives."""

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._socket: socket.socket | None = None
        self._is_over = False

    def watch(self, event: str, info: Mapping[str, Any]) -> None:
        """Keep the connection that httpx makes, as its trace tells of it."""
        if event == "connection.connect_tcp.complete":
            self._socket = info["return_value"].get_extra_info("socket")
            if self._is_over:  # the connection took all of the time
                self._end()

    def _end(self) -> None:
        self._is_over = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._timer.cancel()
        if self._is_over and kind is not None and issubclass(kind, httpx.HTTPError):
            raise httpx.ReadTimeout("the whole call took too long") from None
