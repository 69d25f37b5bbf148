"""The ladder of a Valkey server: name → port → sign-in → version → role → policy → persistence → rights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlsplit

import redis
from redis.exceptions import NoPermissionError

from doctor import codes
from doctor.findings import Finding, Status, failed, from_error, passed, skipped, warned
from doctor.probe import PROBE_APPLICATION, BaseProbe, Context
from doctor.probes.commands import Address, with_valkey_command
from doctor.probes.network import REPLY_MARGIN_S, NameProbe, PortProbe, shut
from mosaic_admin.codes import Code
from mosaic_admin.errors import MosaicError
from mosaic_admin.redaction import display_url
from tiers import codes as tiers_codes
from tiers import valkey
from tiers.errors import Fault

SERVICE = "valkey"
DEFAULT_PORT = 6379
OLDEST = (7, 2)
# What a queue and Celery do: lists, their blocking read, scripts and channels. DRYRUN asks the ACL and runs nothing.
NEEDED = (
    ("LPUSH", "bull:mosaic:wait", "1"),
    ("BRPOP", "bull:mosaic:wait", "1"),
    ("PUBLISH", "mosaic", "1"),
)


@dataclass(frozen=True)
class ValkeyProbe(BaseProbe):
    """A probe of the ladder `valkey`; its adapter errors get the command for this server."""

    service: ClassVar[str] = SERVICE
    ladder: ClassVar[str] = SERVICE
    timeout_code: ClassVar[Code] = tiers_codes.VK_TIMEOUT
    url: str

    @property
    def at(self) -> Address:
        return Address.of(self.url, port=DEFAULT_PORT)

    def run(self, context: Context) -> Finding | list[Finding]:
        limit_s = context.remaining_s()
        try:
            with valkey.driver_errors(display_url(self.url), timeout_s=limit_s):
                return self.ask(context)
        except MosaicError as error:
            return with_valkey_command(from_error(error), self.at)

    def ask(self, context: Context) -> Finding | list[Finding]:
        raise NotImplementedError


def _client(context: Context) -> redis.Redis:
    return context.get("valkey", redis.Redis)


def _info(context: Context) -> dict[str, Any]:
    return context.get("valkey-info", dict)


@dataclass(frozen=True)
class ValkeyName(NameProbe):
    name: ClassVar[str] = "valkey.name"
    service: ClassVar[str] = SERVICE
    ladder: ClassVar[str] = SERVICE
    server = "Valkey"
    timeout_code: ClassVar[Code] = tiers_codes.VK_TIMEOUT
    default_port = DEFAULT_PORT
    with_command = staticmethod(with_valkey_command)


@dataclass(frozen=True)
class ValkeyPort(PortProbe):
    name: ClassVar[str] = "valkey.port"
    service: ClassVar[str] = SERVICE
    ladder: ClassVar[str] = SERVICE
    requires: ClassVar[tuple[str, ...]] = ("valkey.name",)
    server = "Valkey"
    timeout_code: ClassVar[Code] = tiers_codes.VK_TIMEOUT
    default_port = DEFAULT_PORT
    with_command = staticmethod(with_valkey_command)


@dataclass(frozen=True)
class ValkeySignIn(ValkeyProbe):
    """TLS, password and PING: the adapter does them in one go and tells their faults apart."""

    name: ClassVar[str] = "valkey.sign-in"
    requires: ClassVar[tuple[str, ...]] = ("valkey.port",)

    def ask(self, context: Context) -> Finding:
        limit_s = context.remaining_s() - REPLY_MARGIN_S
        client = valkey.connect(
            self.url, client_name=PROBE_APPLICATION, timeout_s=limit_s, single_connection_client=True
        )
        context.keep("valkey", client, close=client.close, abort=lambda: _wake(client))
        return passed("Valkey lets us in and answers PING.")


def _wake(client: redis.Redis) -> None:
    """Cut the one connection's socket, so that a reader in another thread ends."""
    connection = client.connection
    opened = getattr(connection, "_sock", None)  # redis-py shows its socket nowhere else
    if opened is not None:
        shut(opened.fileno())


@dataclass(frozen=True)
class ValkeyVersion(ValkeyProbe):
    """INFO's `redis_version` is a compatibility number (7.2.4 for ever): only `valkey_version` counts."""

    name: ClassVar[str] = "valkey.version"
    requires: ClassVar[tuple[str, ...]] = ("valkey.sign-in",)

    def ask(self, context: Context) -> Finding:
        answer: Any = _client(context).info()
        context.keep("valkey-info", dict(answer), close=lambda: None, abort=lambda: None)
        version = answer.get("valkey_version")
        context.learn(SERVICE, version=str(version) if version else None)
        return judge_valkey_version(answer, self.at)


def judge_valkey_version(info: dict[str, Any], at: Address) -> Finding:
    """Say whether this is Valkey, and new enough."""
    version = str(info.get("valkey_version") or "")
    if not version:
        return warned(
            codes.VK_NOT_VALKEY,
            "The server does not say that it is Valkey; it may be Redis.",
            "Use Valkey 8: the queue is tried on nothing else.",
            at.valkey_cli("INFO server"),
            ("redis_version", str(info.get("redis_version", "none"))),
        )
    found = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if found < OLDEST:
        return failed(
            codes.VK_TOO_OLD,
            f"Valkey {version} is too old: 7.2 or newer is needed.",
            "Update the server; its data directory stays.",
            at.valkey_cli("INFO server"),
        )
    return passed(f"Valkey {version}.")


@dataclass(frozen=True)
class ValkeyWritable(ValkeyProbe):
    name: ClassVar[str] = "valkey.writable"
    requires: ClassVar[tuple[str, ...]] = ("valkey.version",)

    def ask(self, context: Context) -> Finding:
        info = _info(context)
        if int(info.get("loading", 0)):
            raise Fault.STARTING.build("Valkey", display_url(self.url))
        if info.get("role") in ("slave", "replica"):
            raise Fault.READ_ONLY.build("Valkey", display_url(self.url))
        return passed("Valkey is a primary and takes writes.")


@dataclass(frozen=True)
class ValkeyPolicy(ValkeyProbe):
    name: ClassVar[str] = "valkey.policy"
    requires: ClassVar[tuple[str, ...]] = ("valkey.version",)

    def ask(self, context: Context) -> Finding:
        return judge_policy(str(_info(context).get("maxmemory_policy", "")), self.at)


def judge_policy(policy: str, at: Address) -> Finding:
    """A queue loses jobs under any policy but `noeviction`."""
    if policy == "noeviction":
        return passed("A full memory refuses writes instead of losing keys (noeviction).")
    return failed(
        codes.VK_EVICTS,
        f"Valkey may throw queued work away: maxmemory-policy is {policy or 'not known'}.",
        "Set the policy now, and in valkey.conf so that it survives a restart.",
        at.valkey_cli("CONFIG SET maxmemory-policy noeviction"),
        ("Found", policy or "none"),
        ("Expected", "noeviction"),
    )


@dataclass(frozen=True)
class ValkeyPersistence(ValkeyProbe):
    name: ClassVar[str] = "valkey.persistence"
    requires: ClassVar[tuple[str, ...]] = ("valkey.version",)

    def ask(self, context: Context) -> Finding:
        info = _info(context)
        is_append_only = bool(int(info.get("aof_enabled", 0)))
        return judge_persistence(info, self.at, has_snapshots=is_append_only or self._has_snapshots(context))

    def _has_snapshots(self, context: Context) -> bool | None:
        """Ask for the snapshot rule; None where the ACL does not let us see it."""
        try:
            answer: Any = _client(context).config_get("save")
        except NoPermissionError:
            return None
        return bool(str(answer.get("save", "")).strip())


def judge_persistence(info: dict[str, Any], at: Address, *, has_snapshots: bool | None) -> Finding:
    """Say whether the queue survives a restart of Valkey, and whether its last write to disk worked."""
    states = {key: info.get(key, "ok") for key in ("rdb_last_bgsave_status", "aof_last_write_status")}
    if "err" in states.values():
        return warned(
            codes.VK_SAVE_FAILED,
            "Valkey's last write to disk failed.",
            "Read Valkey's log, and look for a full disk or a wrong owner of its directory.",
            at.valkey_cli("INFO persistence"),
            *((key, str(value)) for key, value in states.items()),
        )
    if int(info.get("aof_enabled", 0)):
        return passed("The queue is kept in the append-only file.")
    if has_snapshots is None:
        return skipped("Whether snapshots are on is not visible to this user.")
    return warned(
        codes.VK_NOT_PERSISTENT,
        "Valkey keeps no append-only file: a crash loses the work queued since the last snapshot."
        if has_snapshots
        else "Valkey keeps nothing on disk: a restart empties the queue.",
        "Turn the append-only file on now, and in valkey.conf so that it survives a restart.",
        at.valkey_cli("CONFIG SET appendonly yes"),
    )


@dataclass(frozen=True)
class ValkeyRights(ValkeyProbe):
    """Ask the ACL whether our user may do what the queue does, without doing it."""

    name: ClassVar[str] = "valkey.rights"
    requires: ClassVar[tuple[str, ...]] = ("valkey.version",)

    def ask(self, context: Context) -> Finding:
        client = _client(context)
        try:
            refused = _refused(client, self.at.user or _acl(client, "WHOAMI"))
        except NoPermissionError:
            return skipped("The user's own rights are not visible to it.")
        if not refused:
            return passed("The user has the rights that the queue needs.")
        error = Fault.PRIVILEGE.build("Valkey", display_url(self.url))
        return with_valkey_command(from_error(error, Status.FAIL), self.at)


def _refused(client: redis.Redis, user: str) -> list[str]:
    """Return the commands that the user may not run; the questions go out together."""
    with client.pipeline(transaction=False) as questions:
        for words in NEEDED:
            questions.execute_command("ACL", "DRYRUN", user, *words)  # type: ignore[no-untyped-call]
        answers = questions.execute()
    return [words[0] for words, answer in zip(NEEDED, answers, strict=True) if str(answer) not in ("OK", "True")]


def _acl(client: redis.Redis, *words: str) -> str:
    return str(client.execute_command("ACL", *words))  # type: ignore[no-untyped-call]


def valkey_probes(url: str) -> list[BaseProbe]:
    """Return the ladder for one URL; a socket address has no name and no port to ask."""
    parts = urlsplit(url)
    first: list[BaseProbe] = [ValkeyLocal()]
    if parts.hostname:
        first = [ValkeyName(url, parts.hostname), ValkeyPort(url, parts.port or DEFAULT_PORT)]
    rest = (ValkeySignIn, ValkeyVersion, ValkeyWritable, ValkeyPolicy, ValkeyPersistence, ValkeyRights)
    return [*first, *(probe(url) for probe in rest)]


@dataclass(frozen=True)
class ValkeyLocal(BaseProbe):
    """Stands for name and port where the address is a socket."""

    service: ClassVar[str] = SERVICE
    ladder: ClassVar[str] = SERVICE
    name: ClassVar[str] = "valkey.port"

    def run(self, context: Context) -> Finding:
        return skipped("A local socket has no name and no port.")
