"""The gateway's memory of API tokens, with a control plane that does what a test tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import OperationalError

from gateway import tokens as module
from gateway.tokens import RateLimit, TokenBook, copy_path
from mosaic_admin.people.live_tokens import LiveToken, digest_of

RAW = "mosaic_abc"
TOKEN = LiveToken(7, digest_of(RAW), frozenset({"gateway:read"}))


class ControlPlane:
    def __init__(self) -> None:
        self.tokens = [TOKEN]
        self.is_down = False
        self.noted: dict[int, datetime] = {}

    def read(self) -> list[LiveToken]:
        if self.is_down:
            raise OperationalError("no")
        return self.tokens

    def note_uses(self, uses: Mapping[int, datetime]) -> None:
        self.noted.update(uses)


@pytest.fixture
def control() -> ControlPlane:
    return ControlPlane()


def book_of(home: Path, control: ControlPlane) -> TokenBook:
    return TokenBook(home, read=control.read, note_uses=control.note_uses)


def test_a_token_is_found_after_it_was_read_and_not_after_it_was_revoked(tmp_path: Path, control: ControlPlane) -> None:
    book = book_of(tmp_path, control)
    assert book.find(RAW) is None
    book.refresh()
    assert book.find(RAW) == TOKEN
    assert book.find(RAW + "x") is None
    control.tokens = []
    book.refresh()
    assert book.find(RAW) is None


def test_uses_are_carried_back_also_after_an_outage(tmp_path: Path, control: ControlPlane) -> None:
    book = book_of(tmp_path, control)
    book.refresh()
    book.find(RAW)
    control.is_down = True
    book.refresh()
    assert control.noted == {}
    control.is_down = False
    book.refresh()
    assert list(control.noted) == [7]
    control.noted.clear()
    book.refresh()
    assert control.noted == {}


def test_tokens_outlive_the_control_plane_and_a_restart_for_a_day(
    tmp_path: Path, control: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    book_of(tmp_path, control).refresh()
    assert copy_path(tmp_path).stat().st_mode & 0o777 == 0o600
    assert RAW not in copy_path(tmp_path).read_text()
    control.is_down = True
    restarted = book_of(tmp_path, control)
    restarted._load_copy()
    restarted.refresh()
    assert restarted.find(RAW) == TOKEN
    state = restarted.state()
    assert (state.known, state.is_current) == (1, False)
    assert state.as_of is not None

    class Tomorrow(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.now(UTC) + timedelta(hours=24, seconds=1)

    monkeypatch.setattr(module, "datetime", Tomorrow)
    assert restarted.find(RAW) is None


def test_a_token_expires_also_while_nobody_can_be_asked(
    tmp_path: Path, control: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    control.tokens = [replace(TOKEN, expires_at=datetime.now(UTC) + timedelta(hours=1))]
    book_of(tmp_path, control).refresh()
    control.is_down = True
    restarted = book_of(tmp_path, control)
    restarted._load_copy()
    assert restarted.find(RAW) == control.tokens[0]

    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.now(UTC) + timedelta(hours=1, seconds=1)

    monkeypatch.setattr(module, "datetime", Later)
    assert restarted.find(RAW) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"as_of": "2026-01-01", "tokens": []}',
        '{"as_of": 1, "tokens": [1]}',
        '{"as_of": 1, "tokens": 1}',
    ],
)
def test_a_damaged_copy_is_no_copy(tmp_path: Path, control: ControlPlane, text: str) -> None:
    copy_path(tmp_path).parent.mkdir()
    copy_path(tmp_path).write_text(text)
    book = book_of(tmp_path, control)
    book._load_copy()
    assert book.state().as_of is None


def test_a_rate_limit_lets_a_burst_through_and_then_its_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    limit = RateLimit(60)
    assert [limit.take(1) for _ in range(60)] == [0.0] * 60
    assert limit.take(1) == pytest.approx(1.0)
    assert limit.take(2) == 0.0
    now[0] += 1.0
    assert limit.take(1) == 0.0
    assert limit.take(1) > 0


def test_no_rate_limit_is_no_limit() -> None:
    limit = RateLimit(0)
    assert {limit.take(1) for _ in range(5000)} == {0.0}


def test_a_control_plane_that_cannot_be_written_still_revokes(
    tmp_path: Path, control: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = book_of(tmp_path, control)
    book.refresh()
    book.find(RAW)

    def refuse(uses: Mapping[int, datetime]) -> None:
        raise OperationalError("attempt to write a readonly database")

    with monkeypatch.context() as patch:
        patch.setattr(book, "_note_uses", refuse)
        control.tokens = []
        book.refresh()
    assert book.find(RAW) is None
    assert book.state().is_current
    book.refresh()
    assert list(control.noted) == [7], "the use is not forgotten"
