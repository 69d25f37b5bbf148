"""Which secret goes to which server: an operator may use what this install does already, and nothing else.

Whoever types an address decides who is sent the password of it. A configuration that names another secret, or another
server for one, is an admin's to write; a secret of Mosaic's own is nobody's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from mosaic_admin import env
from mosaic_admin.access import Role
from tiers.defaults import DEFAULT_FEDERATED_CONFIG, DEFAULT_LOCAL_CONFIG, DEFAULT_STANDALONE_CONFIG
from tiers.problems import Problem

DEFAULTS = (DEFAULT_LOCAL_CONFIG, DEFAULT_STANDALONE_CONFIG, DEFAULT_FEDERATED_CONFIG)
_NAME = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)")
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_ELSEWHERE = ("host", "hostaddr", "port", "service")  # parameters of an address that lead to another server
OWN_VARIABLES = frozenset({"DATABASE_URL", "VALKEY_URL", "MOSAIC_SECRET_KEY"})
OWN_FOLDERS = ("keys", "run", "logs", "pg", "valkey")
OWN_FILES = ("admin-password", "control.sqlite3", "control.sqlite3-wal", "control.sqlite3-shm")


@dataclass(frozen=True)
class Use:
    """One secret (`${NAME}` or a file's path) and the server that gets it, where `path` of a document says so."""

    secret: str
    server: str
    path: str

    @property
    def pair(self) -> tuple[str, str]:
        """What has to be known already. Another port of this machine is no other server: the stack's can move."""
        host = self.server.partition("?")[0].rpartition(":")[0] or self.server
        return (
            self.secret,
            "this machine" if self.server and "?" not in self.server and host in _LOOPBACK else self.server,
        )


def uses_of(document: Mapping[str, Any], base_dir: Path) -> Iterator[Use]:
    """Yield every variable and secret file of a document, with the server that it goes to."""
    for name, part in document.items():
        section = part if isinstance(part, dict) else {"": part}
        server = _server_of(section.get("url"))
        for key, value in section.items():
            path = f"{name}.{key}" if key else name
            if not isinstance(value, str) or key == "$comment":
                continue
            yield from (Use(f"${{{variable}}}", server, path) for variable in _NAME.findall(value))
            if key == "passwordFile":
                yield Use(_file(value, base_dir), server, path)


def problems_of(
    document: Mapping[str, Any], *, role: str, known: Iterable[Mapping[str, Any]], base_dir: Path
) -> list[Problem]:
    """Return what keeps somebody of this role from saving a document. `known`: the documents that are in use here."""
    environment = env.load()
    uses = list(uses_of(document, base_dir))
    own = [use for use in uses if _is_own(use.secret, environment.home.resolve())]
    found = [Problem(use.path, _OWN, _OWN_FIX) for use in own]
    if role == Role.ADMIN:
        return found
    pairs = {use.pair for item in (*DEFAULTS, *known) for use in uses_of(item, base_dir)}
    pairs |= {(str(environment.secrets_dir.resolve() / name), "this machine") for name in _STACK}
    return found + [Problem(use.path, _NEW, _NEW_FIX) for use in uses if use not in own and use.pair not in pairs]


_STACK = ("federated-postgres", "federated-valkey")  # what `mosaic stack up` makes for the account of the store
_OWN = "names a secret of Mosaic Admin itself, which no server may get"
_OWN_FIX = "Give the server a password of its own, in a file or a variable of its own."
_NEW = "gives a secret to a server that no configuration here gives it to"
_NEW_FIX = "Ask somebody with the role admin to save it: who writes the address decides who gets the password."


def _server_of(url: Any) -> str:
    """Return host:port as it is written, with the parameters that lead elsewhere; "" where there is no address."""
    if not isinstance(url, str):
        return ""
    try:
        parts = urlsplit(url)
        more = {name: values for name, values in parse_qs(parts.query).items() if name in _ELSEWHERE}
    except ValueError:
        return url
    host = parts.netloc.rpartition("@")[2].lower()
    return f"{host}?{sorted(more.items())}" if more else host


def _file(name: str, base_dir: Path) -> str:
    return name if "${" in name or "\0" in name else str((base_dir / name).resolve())


def _is_own(secret: str, home: Path) -> bool:
    if secret.startswith("${"):
        return secret[2:-1] in OWN_VARIABLES
    path = Path(secret)
    if not path.is_relative_to(home):
        return path.name.startswith("control-") and path.parent == Path("/run/secrets")
    inside = path.relative_to(home).parts
    is_other = path.parent == home / "secrets" and (
        path.name.startswith("control-") or path.name.endswith("-superuser")
    )
    return is_other or inside[0] in OWN_FOLDERS or inside[0] in OWN_FILES
