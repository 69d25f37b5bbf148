"""Plant a secret in every place where a credential can stand, use everything, and look for it in everything."""

from __future__ import annotations

import io
import json
import socket
import struct
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import redis

from compose.embedded import EmbeddedPostgres, EmbeddedValkey
from compose.embedded.ports import free_port
from compose.embedded.process import wait_until
from tests.control_plane import ControlPlane, control_plane
from tests.servers import start_valkey

NASTY = "cAnary-%s 'q\"@:/#?&=ä€"  # every character that a format treats in a way of its own
FORMS = ("json", "short", "text", "openmetrics")
PAGES = ("/doctor/", "/doctor/?tier=federated", "/doctor/history/", "/doctor/codes/", "/tiers/", "/", "/gateway/")


def spellings(secret: str) -> set[str]:
    """Return every way in which a secret could be written down."""
    as_json = json.dumps(secret)[1:-1]
    return {
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        as_json,
        json.dumps(secret, ensure_ascii=False)[1:-1],
        json.dumps(as_json)[1:-1],
        repr(secret)[1:-1],
        secret.replace("&", "&amp;").replace("'", "&#x27;").replace('"', "&quot;"),
        secret.replace("'", "\\'"),
        secret.replace("'", "''"),
    }


@dataclass
class Outputs:
    """Everything that anything said, by where it was said."""

    texts: dict[str, str] = field(default_factory=dict)

    def add(self, place: str, text: str | bytes) -> None:
        self.texts[place] = text if isinstance(text, str) else text.decode("utf-8", "replace")

    def leaks(self, secret: str) -> list[str]:
        # The distinctive middle as well: a leak that was cut or escaped in a way nobody thought of is a leak.
        words = {*spellings(secret), secret[:12]}
        return [place for place, text in self.texts.items() if any(word in text for word in words)]


@contextmanager
def telltale(words: bytes) -> Iterator[int]:
    """A server, of PostgreSQL or of Valkey, that answers whatever it is asked with an error that repeats a secret."""
    fields = b"SFATAL\0VFATAL\0C28P01\0Mpassword " + words + b" is wrong\0Dconninfo password=" + words + b"\0\0"
    refusal = b"E" + struct.pack("!i", len(fields) + 4) + fields

    def answer(client: socket.socket) -> None:
        with client:
            try:
                while asked := client.recv(4096):
                    if asked[4:8] == struct.pack("!i", 80877103):
                        client.sendall(b"N")
                    elif asked[:1] == b"*":
                        client.sendall(b"-ERR wrong password '" + words + b"'\r\n")
                    else:
                        client.sendall(refusal)
                        return
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    client = listener.accept()[0]
                except OSError:
                    return
                threading.Thread(target=answer, args=(client,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


Document = dict[str, Any]
PLACES = (
    "userinfo",
    "password parameter",
    "percent-encoded parameter",
    "sslpassword parameter",
    "key=value instead of a URL",
    "environment",
    "default of a variable",
    "secret file",
    "unknown key",
    "server's error text",
    "redis user without a colon",
)
SHOWN_BY_CONFIG = ("userinfo", "environment", "secret file")  # the rest of the configuration has tests of its own


def document(storage: str, queue: str) -> Document:
    return {
        "version": 1,
        "tier": "federated",
        "storage": {"type": "postgres", "url": storage, "enableVector": True},
        "queue": {"type": "bullmq", "url": queue},
        "memory": {"type": "pgvector"},
    }


@dataclass
class Planter:
    """Writes the configuration that holds the secret in one place."""

    folder: Path
    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey
    telltale_port: int
    environment: dict[str, str]

    def plant(self, place: str, secret: str) -> Document:
        encoded, pg, vk = quote(secret, safe=""), self.postgres.port, self.valkey.port
        good = document(f"postgresql://m:{encoded}@127.0.0.1:{pg}/m", f"redis://:{encoded}@127.0.0.1:{vk}/0")
        storage, queue = good["storage"], good["queue"]
        match place:
            case "password parameter" | "percent-encoded parameter":
                value = encoded if place.startswith("percent") else quote(secret, safe=" '@:/ä€")
                storage["url"] = f"postgresql://127.0.0.1:{pg}/m?user=m&password={value}"
                queue["url"] = f"redis://127.0.0.1:{vk}/0?password={value}"
            case "sslpassword parameter":
                storage["url"] = f"postgresql://m:{encoded}@127.0.0.1:{pg}/m?sslmode=require&sslpassword={encoded}"
            case "key=value instead of a URL":
                escaped = secret.replace("\\", "\\\\").replace("'", "\\'")
                storage["url"] = f"host=127.0.0.1 port={pg} user=m password='{escaped}' dbname=m"
            case "environment":
                storage["url"] = f"postgresql://m:${{MOSAIC_TEST_CANARY}}@127.0.0.1:{pg}/m"
                queue["url"] = f"redis://:${{MOSAIC_TEST_CANARY}}@127.0.0.1:{vk}/0"
            case "default of a variable":
                storage["url"] = f"postgresql://m:${{NOT_SET_ANYWHERE:-{encoded}}}@127.0.0.1:{pg}/m"
            case "secret file":
                file = self.folder / "secret-file"
                file.write_text(secret)
                file.chmod(0o600)
                storage["url"], storage["passwordFile"] = f"postgresql://m@127.0.0.1:{pg}/m", str(file)
                queue["url"], queue["passwordFile"] = f"redis://127.0.0.1:{vk}/0", str(file)
            case "unknown key":
                good["password"] = secret
                storage["pasword"] = {"is": [secret]}
            case "server's error text":
                storage["url"] = f"postgresql://m:{encoded}@127.0.0.1:{self.telltale_port}/m"
                queue["url"] = f"redis://:{encoded}@127.0.0.1:{self.telltale_port}/0"
            case "redis user without a colon":
                queue["url"] = f"redis://{encoded}@127.0.0.1:{vk}/0"
        return good


def secret_of(place: str) -> str:
    return NASTY % PLACES.index(place)


def ask_everything(plane: ControlPlane, outputs: Outputs, place: str) -> None:
    """Use every face while the secret is planted."""
    for form in FORMS:
        outputs.add(f"{place}: API {form}", plane.get(f"/api/v1/doctor?format={form}").text)
    outputs.add(f"{place}: metrics", plane.get("/api/v1/doctor/metrics").text)
    outputs.add(f"{place}: preview", plane.get("/api/v1/doctor?tier=federated").text)
    with closing(plane.signed_in()) as browser:
        outputs.add(f"{place}: check", browser.post("/doctor/check/", headers={"HX-Request": "true"}).text)
        for path in PAGES:
            outputs.add(f"{place}: {path}", browser.get(path, follow_redirects=True).text)
        for name, text in unzipped(browser.get("/doctor/bundle/").content):
            outputs.add(f"{place}: bundle {name}", text)
    commands = [["doctor"], ["gateway", "start"], *([["config", "show"]] if place in SHOWN_BY_CONFIG else [])]
    for words in commands:
        done = plane.run("-m", "mosaic_admin", *words)
        outputs.add(f"{place}: {' '.join(words)}", done.stdout + done.stderr)


def unzipped(content: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            yield name, archive.read(name)


def look_at_rest(plane: ControlPlane, outputs: Outputs, broker: EmbeddedValkey) -> None:
    """Add what lies on disk and in the broker; `keys` and `secrets` are where secrets are at home."""
    for path in plane.home.rglob("*"):
        if path.is_file() and path.relative_to(plane.home).parts[0] not in ("keys", "secrets"):
            outputs.add(f"file {path.relative_to(plane.home)}", path.read_bytes())
    with closing(redis.Redis.from_url(broker.url)) as client:
        for key in client.scan_iter():
            outputs.add(f"broker {key!r}", key + (client.dump(key) or b""))
    for path in broker.data_dir.rglob("*"):
        if path.is_file() and path.name != "valkey.conf":
            outputs.add(f"broker's file {path.name}", path.read_bytes())


@pytest.fixture
def broker() -> Iterator[EmbeddedValkey]:
    server = start_valkey("canary-broker", port=free_port(), password="cAnary-broker-password")
    yield server
    server.kill()


def test_no_secret_gets_out_of_any_place_by_any_way(
    tmp_path: Path, postgres: EmbeddedPostgres, valkey: EmbeddedValkey, broker: EmbeddedValkey
) -> None:
    config, outputs = tmp_path / "mosaic.config.json", Outputs()
    settings = {
        "MOSAIC_LOG_LEVEL": "DEBUG",
        "MOSAIC_DOCTOR_SHARE_S": "1",  # the formats of one place share a run; the commands after them take longer
        "MOSAIC_TOKEN_RATE": "0",
        "MOSAIC_BOOT_WAIT_S": "0",
        "MOSAIC_TEST_CANARY": secret_of("environment"),
        "MOSAIC_GATEWAY_PORT": str(free_port()),
        "MOSAIC_WEBHOOK_ALLOW": "127.0.0.1",
    }
    with ExitStack() as stack:
        port = stack.enter_context(telltale(secret_of("server's error text").encode()))
        plane = stack.enter_context(control_plane(tmp_path / "home", config, broker.url, **settings))
        planter = Planter(tmp_path, postgres, valkey, port, settings)
        plane.start_web("--log-level", "debug", "--access-logfile", "-")
        plane.start_worker()
        hook = f"http://127.0.0.1:{free_port()}/cAnary-hook-path"
        with closing(plane.signed_in()) as browser:
            made = browser.post("/doctor/webhooks/", data={"url": hook}).text
        hook_secret = made.split("whsec_")[1].split("<")[0]
        for place in PLACES:
            config.write_text(json.dumps(planter.plant(place, secret_of(place))))
            ask_everything(plane, outputs, place)
        log = plane.home / "logs" / "worker.log"
        assert wait_until(lambda: "doctor.check" in log.read_text() and "succeeded" in log.read_text(), 60, step_s=0.2)
        with closing(plane.signed_in()) as browser:
            outputs.add("webhooks", browser.get("/doctor/webhooks/").text)
            outputs.add("tokens", browser.get("/people/tokens/").text)
        look_at_rest(plane, outputs, broker)

    assert "MOS-PG-005" in outputs.texts["userinfo: API json"], "the secret was used: the server refused it"
    found = {place: outputs.leaks(secret_of(place)) for place in PLACES}
    # The first twelve letters of a token are shown on purpose: they tell one from another.
    others = {
        "token": plane.token[12:],
        "hook": "cAnary-hook-path",
        "hook secret": hook_secret,
        "broker": broker.password,
    }
    found |= {name: outputs.leaks(secret) for name, secret in others.items()}
    assert {place: where for place, where in found.items() if where} == {}


def test_the_search_finds_a_secret_in_each_of_its_spellings() -> None:
    """The test above is worth what its search is worth."""
    secret = NASTY % 0
    writers: list[Callable[[str], str]] = [
        str,
        quote,
        quote_plus,
        json.dumps,
        repr,
        lambda s: json.dumps(json.dumps(s)),
    ]
    for number, write in enumerate(writers):
        outputs = Outputs({str(number): f"before {write(secret)} after"})
        assert outputs.leaks(secret) == [str(number)]
    assert Outputs({"x": "nothing here"}).leaks(secret) == []
