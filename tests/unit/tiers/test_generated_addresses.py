"""Generated addresses: what the validator lets through, the drivers read as the pages show it; no password shows."""

from __future__ import annotations

import copy
import re
from contextlib import suppress
from itertools import zip_longest
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict
from redis.connection import parse_url

import tiers
from mosaic_admin.redaction import display_url, forget_secrets, redact
from tests.fuzzing import MANY
from tiers import parameters
from tiers.config import ConfigError, resolve_document
from tiers.masking import mask_document, unmask_document
from tiers.problems import Problem
from tiers.rules import VALKEY_SCHEMES, url_problem

CANARY = "zq7-canary-4711"
HOSTS = ["db", "DB.example.org", "127.0.0.1", "[::1]", "h1,h2", "h%31", "", "h@x", "[::1", "/run/pg", "xn--bcher-kva"]
PORTS = ["", ":5432", ":0", ":", ":65535", ":65536", ":x", ":５４３２", ":5432,5433"]
PATHS = ["", "/", "/mosaic", "/0", "/15", "/my%20db", "/a/b", "//x", "/é", "/%00", "/d;x=1", "/१", "/d#x", "/%2"]
PASSWORDS = [CANARY, quote(f"{CANARY}@/:?#", safe=""), f"{CANARY}:x"]
# As somebody types them who does not percent-encode.
RAW = [
    f"a@{CANARY}",
    f"%{CANARY}",
    f"a/{CANARY}",
    f"a?{CANARY}",
    f"a#{CANARY}",
    f"[{CANARY}",
]
PARAMETERS = [*parameters.POSTGRES, *parameters._VALKEY_PLAIN, *parameters._VALKEY_TLS, "ssl", "sslmod", "", "Host"]
VALUES = ["", "require", "true", "1", "h2", "5444", "%20", "a&b", "=", "#", CANARY]


@st.composite
def addresses(draw: st.DrawFn, schemes: tuple[str, ...]) -> str:
    """An address put together of good and bad parts, now and then with some text thrown in."""
    user = draw(
        st.sampled_from(["", "u@", f"u:{CANARY}@", f":{CANARY}@"])
        | st.sampled_from(PASSWORDS + RAW).map("u:{}@".format)
    )
    query = draw(st.lists(st.tuples(st.sampled_from(PARAMETERS), st.sampled_from(VALUES)), max_size=3))
    scheme = draw(st.sampled_from([*schemes, "http", "", schemes[0].upper()]))
    host, port, path = (draw(st.sampled_from(parts)) for parts in (HOSTS, PORTS, PATHS))
    url = f"{scheme}://{user}{host}{port}{path}" + ("?" + "&".join(f"{k}={v}" for k, v in query) if query else "")
    if draw(st.integers(0, 3)) == 0:
        place = draw(st.integers(0, len(url)))
        url = url[:place] + draw(st.text(max_size=4)) + url[place:]
    return url


def shown_as(hosts: str, ports: object, path: str) -> str:
    """`host:port/path` of what a driver read; libpq gives lists of hosts and ports."""
    pairs = zip_longest(hosts.split(","), str(ports or "").split(","), fillvalue="")
    shown = [(f"[{host}]" if ":" in host else host) + (f":{port}" if port else "") for host, port in pairs]
    return f"{','.join(shown)}/{path}"


@MANY
@given(addresses(parameters.POSTGRES_SCHEMES))
@example("postgresql://h/d?port=5444")
@example("POSTGRESQL://h/d")
@example("postgresql://u:a@b@h/d")
@example("postgresql://u:100%@h/d")
@example("postgresql://h/d#x")
@example("postgresql://h/d?application_name==x")
def test_postgresql_is_opened_where_the_pages_say(url: str) -> None:
    forget_secrets()
    if url_problem("storage.url", url, parameters.POSTGRES_SCHEMES, "x") is None:
        read = conninfo_to_dict(url)
        opened = shown_as(str(read["host"]), read.get("port"), str(read["dbname"]))
        assert unquote(display_url(url)).casefold() == opened.casefold()


@MANY
@given(addresses(VALKEY_SCHEMES))
@example("redis://h/0?db=3")
@example("redis://h1,h2:5432")
@example("redis://h/0?socket_timeout=soon")
def test_valkey_is_opened_where_the_pages_say(url: str) -> None:
    forget_secrets()
    if url_problem("queue.url", url, VALKEY_SCHEMES, "x") is None:
        read = parse_url(re.sub("^valkey", "redis", url))
        shown = display_url(url).rstrip("/")
        opened = shown_as(str(read["host"]), read.get("port"), str(read.get("db", "")))
        assert unquote(shown).casefold() == opened.rstrip("/").casefold()


def document(url: str, schemes: tuple[str, ...]) -> dict[str, Any]:
    made = copy.deepcopy(tiers.DEFAULT_FEDERATED_CONFIG)
    made["storage" if schemes is parameters.POSTGRES_SCHEMES else "queue"]["url"] = url
    return made


def normal(made: dict[str, Any]) -> dict[str, Any]:
    """Spell both addresses as a form does: an empty `?` and capitals in `scheme://` say nothing."""
    for part in (made["storage"], made["queue"]):
        with suppress(ValueError):
            part["url"] = urlunsplit(urlsplit(part["url"]))
    return made


@MANY
@given(st.sampled_from([parameters.POSTGRES_SCHEMES, VALKEY_SCHEMES]).flatmap(
    lambda schemes: st.tuples(addresses(schemes), st.just(schemes))
))  # fmt: skip
def test_a_form_gives_back_what_it_was_shown(made: tuple[str, tuple[str, ...]]) -> None:
    stored = document(*made)
    assert normal(unmask_document(mask_document(stored), stored)) == normal(stored)


@MANY
@given(st.sampled_from(PASSWORDS), st.sampled_from(HOSTS[:5]), st.sampled_from(PATHS), st.text(max_size=10))
def test_a_password_before_a_host_never_shows(password: str, host: str, path: str, around: str) -> None:
    forget_secrets()
    for scheme in (*parameters.POSTGRES_SCHEMES, *VALKEY_SCHEMES):
        url = f"{scheme}://u:{password}@{host}{path}"
        assert CANARY not in redact(f"{around} {url} {around}")
        assert CANARY not in str(mask_document(document(url, parameters.POSTGRES_SCHEMES)))
        assert CANARY not in display_url(url)


@MANY
@given(addresses(parameters.POSTGRES_SCHEMES), addresses(VALKEY_SCHEMES))
def test_every_address_is_used_or_refused_by_its_place(store: str, queue: str) -> None:
    made = document(store, parameters.POSTGRES_SCHEMES)
    made["queue"]["url"] = queue
    with suppress(ConfigError):
        config = resolve_document(made, environ={})
        assert CANARY not in str([value.as_dict() for value in config.effective()])
        return
    problems = refused(made)
    assert {problem.path for problem in problems} <= {"storage.url", "queue.url"}
    assert CANARY not in str([problem.as_dict() for problem in problems])


def refused(made: dict[str, Any]) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        resolve_document(made, environ={})
    return list(caught.value.problems)
