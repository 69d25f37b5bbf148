"""As many slow clients as there are threads, and the next visitor is served all the same."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest

from compose.embedded.ports import free_port
from compose.embedded.process import wait_until

THREADS = 4
PATIENCE_S = 20.0  # far more than the worker's second, far less than for ever


@pytest.fixture(scope="module", params=["HurriedWorker", "HurriedGatewayWorker"])
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    """The dashboard's worker and the gateway's, each in a hurry."""
    number = free_port()
    command = [sys.executable, "-m", "gunicorn", "tests.fakes.serving:app", "--bind", f"127.0.0.1:{number}"]
    command += [
        "--worker-class",
        f"tests.fakes.serving.{request.param}",
        "--threads",
        str(THREADS),
        "--no-control-socket",
    ]
    process = subprocess.Popen(command)
    try:
        assert wait_until(lambda: answers(number), 60)
        yield number
    finally:
        process.terminate()
        process.wait(30)


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/", trust_env=False, timeout=PATIENCE_S).status_code == 200
    except httpx.TransportError:
        return False


SLOW = {
    "half a line": b"GET / HTTP/1.1\r\nHost: a",
    "no end of the head": b"GET / HTTP/1.1\r\nHost: a\r\n",
    "half a body": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf",
    "takes no answer": b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n",
}


@pytest.mark.parametrize("sent", SLOW.values(), ids=SLOW)
def test_slow_clients_keep_nobody_waiting(port: int, sent: bytes) -> None:
    with ExitStack() as clients:
        for _ in range(THREADS + 2):
            clients.enter_context(socket.create_connection(("127.0.0.1", port))).sendall(sent)
        time.sleep(0.2)
        assert answers(port)


@pytest.mark.parametrize("path", ["pieces", "file", "large"])
def test_clients_that_take_an_answer_drop_by_drop_keep_nobody_waiting(port: int, path: str) -> None:
    """Each takes some 100 kB/s: no single piece takes long, the whole would take ten minutes."""
    is_over = threading.Event()
    with ThreadPoolExecutor(THREADS + 2) as clients:
        try:
            for _ in range(THREADS + 2):
                clients.submit(sip, port, f"GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n".encode(), is_over)
            time.sleep(0.5)
            assert answers(port)
        finally:
            is_over.set()


def sip(port: int, request: bytes, is_over: threading.Event) -> None:
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        client.connect(("127.0.0.1", port))
        client.sendall(request)
        while not is_over.wait(0.1):
            client.recv(10_000)


@pytest.mark.parametrize("path", ["pieces", "file", "large"])
def test_a_client_that_takes_its_answer_as_it_comes_gets_all_of_it(port: int, path: str) -> None:
    answer = httpx.get(f"http://127.0.0.1:{port}/{path}", trust_env=False, timeout=PATIENCE_S)
    assert len(answer.content) == 60_000_000


def test_a_client_that_sends_a_byte_at_a_time_is_given_no_more_time(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client, pytest.raises(OSError, match=r"reset|pipe"):
        drip(client)


def drip(client: socket.socket) -> None:
    for _ in range(100):
        client.sendall(b"X")
        time.sleep(0.1)


@pytest.mark.parametrize("headers", [{}, {"Expect": "100-continue"}])
def test_a_body_arrives_whole(port: int, headers: dict[str, str]) -> None:
    body = bytes(range(256)) * 4000
    answer = httpx.post(f"http://127.0.0.1:{port}/", content=body, headers=headers, trust_env=False, timeout=PATIENCE_S)
    assert answer.content == body
