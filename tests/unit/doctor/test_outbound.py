"""Where a webhook may not call, and how its signature is checked by somebody who has only the documentation."""

from __future__ import annotations

import hashlib
import hmac
import socket
import threading
import time
from ipaddress import ip_address

import httpx
import pytest

from doctor import outbound
from doctor.outbound import WebhookTargetError, _plain, check_target, is_public, post, signature

PRIVATE = [
    "http://127.0.0.1/",
    "http://localhost:8000/",
    "http://2130706433/",  # 127.0.0.1 as one number
    "http://0x7f.1/",
    "http://0.0.0.0/",
    "http://10.1.2.3/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",  # carrier-grade NAT
    "http://169.254.169.254/latest/meta-data/",
    "http://224.0.0.1/",
    "http://[::1]/",
    "http://[fe80::1]/",
    "http://[fd00::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[fec0::1]/",  # the private networks of before 2004
]


@pytest.mark.parametrize("url", PRIVATE)
def test_an_address_inside_is_refused_in_every_spelling(url: str) -> None:
    with pytest.raises(WebhookTargetError, match="inside a private network"):
        check_target(url, "")


@pytest.mark.parametrize(
    "url", ["ftp://example.org/", "file:///etc/passwd", "https://", "//x", "https://u:p@example.org/"]
)
def test_what_is_no_address_of_the_web_is_refused(url: str) -> None:
    with pytest.raises(WebhookTargetError, match="no address that a webhook can call"):
        check_target(url, "*")


def test_an_unknown_host_is_named() -> None:
    with pytest.raises(WebhookTargetError, match="not known"):
        check_target("https://no-such-host.invalid/", "")


def test_a_name_service_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    is_over = threading.Event()
    monkeypatch.setattr(outbound, "LOOK_UP_S", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: is_over.wait(10) and [])
    begun = time.monotonic()
    try:
        with pytest.raises(WebhookTargetError, match=r"did not say within 0\.2 s what hooks\.example\.org means"):
            check_target("https://hooks.example.org/", "")
    finally:
        is_over.set()
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("allowed", ["127.0.0.1", "10.0.0.0/8, 127.0.0.0/8", " localhost , 127.0.0.1 "])
def test_an_operator_can_allow_a_private_address(allowed: str) -> None:
    assert check_target("http://127.0.0.1:9000/hook?x=1#y", allowed).pinned_url == "http://127.0.0.1:9000/hook?x=1"


def test_allowing_one_network_allows_no_other() -> None:
    with pytest.raises(WebhookTargetError):
        check_target("http://169.254.169.254/", "10.0.0.0/8,example.org")


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_a_public_address_is_public(address: str) -> None:
    assert is_public(_plain(ip_address(address)))


def test_the_signature_is_what_the_documentation_says() -> None:
    body = b'{"after": "red"}'
    header = dict(part.split("=", 1) for part in signature("whsec_x", body, 1_764_158_400).split(","))
    expected = hmac.new(b"whsec_x", b"1764158400." + body, hashlib.sha256).hexdigest()
    assert header == {"t": "1764158400", "v1": expected}


def test_a_name_of_any_script_is_called_by_its_ascii_form() -> None:
    target = check_target("https://10.0.0.1/", "10.0.0.0/8")
    assert target.host == "10.0.0.1"
    with pytest.raises(WebhookTargetError, match=r"xn--bcher-kva\.invalid is not known"):
        check_target("https://bücher.invalid/hook", "")


def test_an_allowed_name_is_compared_without_its_case() -> None:
    assert check_target("http://LocalHost:9000/", "LOCALHOST").host == "localhost"


def test_a_receiver_that_answers_a_byte_now_and_then_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "WHOLE_S", 1.0)

    def drip(server: socket.socket) -> None:
        client, _ = server.accept()
        with client:
            try:
                for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 200:
                    client.sendall(bytes([byte]))
                    time.sleep(0.1)
            except OSError:
                pass

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=drip, args=(server,), daemon=True).start()
        target = check_target(f"http://127.0.0.1:{server.getsockname()[1]}/", "127.0.0.1")
        begun = time.monotonic()
        with pytest.raises(httpx.TimeoutException):
            post(target, "whsec_x", b"{}", {})
        assert time.monotonic() - begun < 15  # of 22
