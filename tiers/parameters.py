"""The parameters after `?` of an address. A misspelt `sslmode` must be refused, not read as "no TLS wanted"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from tiers.problems import Problem, did_you_mean, one_of

ANY: tuple[str, ...] = ()
POSTGRES_SCHEMES = ("postgresql", "postgres")
_YES_NO = ("true", "false", "yes", "no", "on", "off", "1", "0")

# libpq's, manual 32.1.2; a test holds the names against the driver. A tuple lists the values it takes.
POSTGRES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("application_name", "client_encoding", "connect_timeout", "dbname", "fallback_application_name",
         "gsslib", "host", "hostaddr", "keepalives_count", "keepalives_idle", "keepalives_interval", "krbsrvname",
         "max_protocol_version", "min_protocol_version", "oauth_client_id", "oauth_client_secret", "oauth_issuer",
         "oauth_scope", "options", "passfile", "password", "port", "replication", "require_auth", "requirepeer",
         "scram_client_key", "scram_server_key", "service", "sslcert", "sslcrl", "sslcrldir", "sslkey",
         "sslkeylogfile", "sslpassword", "sslrootcert", "tcp_user_timeout", "user"),
        ANY,
    ),
    "channel_binding": ("disable", "prefer", "require"),
    "gssdelegation": ("0", "1"),
    "gssencmode": ("disable", "prefer", "require"),
    "keepalives": ("0", "1"),
    "load_balance_hosts": ("disable", "random"),
    "ssl_max_protocol_version": ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"),
    "ssl_min_protocol_version": ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"),
    "sslcertmode": ("disable", "allow", "require"),
    "sslcompression": ("0", "1"),
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "sslsni": ("0", "1"),
    "target_session_attrs": ("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
}  # fmt: skip
_WHOLE = re.compile(r"-?[0-9]{1,9}")
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_NUMBERS: Mapping[str, re.Pattern[str]] = {
    **dict.fromkeys(
        ("connect_timeout", "keepalives_count", "keepalives_idle", "keepalives_interval", "tcp_user_timeout",
         "health_check_interval"),
        _WHOLE,
    ),
    **dict.fromkeys(("socket_timeout", "socket_connect_timeout"), _SECONDS),
}  # fmt: skip
# The driver knows these, and an address of ours may not have them.
REFUSED: Mapping[str, str] = {
    "dbname": "the database stands in the address itself, and pages, confirmations and rehearsals go by that",
    "port": "the port stands in the address itself, and pages and confirmations go by that",
    "service": "a file on each host would say where it leads",
    "replication": "it asks for a session that no query works in",
}
REFUSED_OF_VALKEY: Mapping[str, str] = {
    "db": "the database is the number after the /, and pages and the doctor go by that",
}
_VALKEY_PLAIN: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("username", "password", "socket_timeout", "socket_connect_timeout", "health_check_interval"), ANY),
    "protocol": ("2", "3"),
}
_VALKEY_TLS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("ssl_keyfile", "ssl_certfile", "ssl_ca_certs", "ssl_ca_path", "ssl_password", "ssl_ciphers"), ANY),
    "ssl_cert_reqs": ("none", "optional", "required"),
    "ssl_check_hostname": _YES_NO,
}


def parameter_problem(path: str, url: str) -> Problem | None:
    """Return what is wrong with the parameters of an address that can be read; names and values given stay unsaid."""
    parts = urlsplit(url)
    try:
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        return _unreadable(path)
    if any(pair.count("=") != 1 for pair in parts.query.split("&") if pair):
        return _unreadable(path)
    known = _known(parts.scheme)
    for number, (name, value) in enumerate(pairs, start=1):
        if problem := _refused(path, name, is_postgres=parts.scheme in POSTGRES_SCHEMES):
            return problem
        if name not in known:
            return _unknown(path, number, name, known, parts.scheme)
        if known[name] and value not in known[name]:
            hint = did_you_mean(value, known[name])
            return Problem(
                path, f"has a value of {name} that is not one of {one_of(known[name])}.{hint}",
                f"Write one of {one_of(known[name])}.",
            )  # fmt: skip
        if name in _NUMBERS and not _NUMBERS[name].fullmatch(value):
            return Problem(path, f"has a value of {name} that is no number", "Write a number, as 5.")
    names = [name for name, _ in pairs]
    if twice := next((name for name in names if names.count(name) > 1), None):
        return Problem(path, f"has the parameter {twice} twice", "Keep one of the two.")
    return None


def _unreadable(path: str) -> Problem:
    remedy = "Write them as ?name=value&name=value; = and & in a value are percent-encoded (%3D, %26)."
    return Problem(path, "has parameters that cannot be read", remedy)


def _refused(path: str, name: str, *, is_postgres: bool) -> Problem | None:
    """Refuse what a driver knows and a configuration must not do."""
    refused = REFUSED if is_postgres else REFUSED_OF_VALKEY
    if name in refused:
        return Problem(path, f"has the parameter {name}: {refused[name]}", f"Remove {name} from the address.")
    if is_postgres and name == "sslkeylogfile":
        return Problem(path, "has sslkeylogfile, which writes the keys of each connection into a file", "Remove it.")
    if is_postgres and name == "host":  # one before the ? is there, or the address would not have come so far
        return Problem(path, "names one host before the ? and another one after it", "Keep the host before the ? only.")
    return None


def _known(scheme: str) -> Mapping[str, tuple[str, ...]]:
    if scheme in POSTGRES_SCHEMES:
        return POSTGRES
    return {**_VALKEY_PLAIN, **_VALKEY_TLS} if scheme in ("rediss", "valkeys") else _VALKEY_PLAIN


def _unknown(path: str, number: int, name: str, known: Mapping[str, tuple[str, ...]], scheme: str) -> Problem:
    if scheme in ("redis", "valkey") and name in _VALKEY_TLS:
        return Problem(path, f"has {name}, which needs TLS", f"Write {scheme}s:// for TLS, or remove {name}.")
    hint = did_you_mean(name, list(known))
    return Problem(
        path,
        f"has a parameter (number {number} after the ?) that its driver does not know.{hint}",
        "Correct or remove it: a misspelt one would be left out in silence otherwise.",
    )
