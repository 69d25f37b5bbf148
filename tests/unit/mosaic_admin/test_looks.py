"""The template tags of the house look."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.template import Context, Template
from django.utils import timezone

from mosaic_admin.templatetags import looks


def render(source: str, **context: object) -> str:
    return Template(source).render(Context(context))


@pytest.mark.parametrize(
    ("kind", "word", "tone", "icon", "shown"),
    [
        ("ok", "Serving", "ok", "circle-check-filled", "Serving"),
        ("interrupted", "", "warn", "plug-connected-x", "Interrupted"),
        ("ok", "Verified", "ok", "shield-check-filled", "Verified"),
        ("skip", "", "idle", "corner-down-right", "Skipped"),
        ("warn", "You decide", "warn", "help-circle", "You decide"),
        ("fail", "Verified", "fail", "circle-x-filled", "Verified"),
        ("never heard of", "", "idle", "help-circle", "Unknown"),
    ],
)
def test_a_state_is_always_colour_icon_and_word(kind: str, word: str, tone: str, icon: str, shown: str) -> None:
    html = render("{% state kind word %}", kind=kind, word=word)
    assert f"is-{tone}" in html
    assert f"icons.svg#{icon}" in html
    assert re.sub(r"<[^>]*>", "", html) == shown


def test_a_quiet_state_keeps_its_icon_and_word() -> None:
    html = render('{% state "pass" quiet=True %}')
    assert 'class="state is-ok quiet"' in html
    assert "Pass" in html


def test_a_pill_shows_the_same_look_as_the_state() -> None:
    html = render('{% pill "running" "Copying" %}')
    assert 'class="status is-run"' in html
    assert "icons.svg#loader-2" in html
    assert "Copying" in html


def test_a_state_escapes_its_word() -> None:
    assert "&lt;b&gt;" in render("{% state 'ok' word %}", word="<b>")


def test_an_icon_is_hidden_from_screen_readers() -> None:
    assert 'aria-hidden="true"' in render('{% icon "lock" %}')


def test_every_icon_that_a_template_or_a_state_names_is_in_the_sprite() -> None:
    sprite = Path(finders.find(looks.SPRITE) or "").read_text()
    pages = "".join(path.read_text() for path in (settings.BASE_DIR / "templates").rglob("*.html"))
    named = {look.icon for look in looks.LOOKS.values()} | set(re.findall(r'{% icon "([a-z0-9-]+)"', pages))
    assert {name for name in named if f'id="{name}"' not in sprite} == set()


@pytest.mark.parametrize(("value", "total", "width"), [(1, 4, "25.0"), (9, 4, "100.0"), (0, 0, "0.0"), (-1, 4, "0.0")])
def test_a_bar_keeps_its_width_inside_the_track(value: int, total: int, width: str) -> None:
    html = render("{% bar value total %}", value=value, total=total)
    assert f'class="fill" width="{width}"' in html
    assert "style=" not in html


def test_a_bar_with_a_label_is_an_image_with_a_name() -> None:
    assert 'role="img" aria-label="54 per cent"' in render('{% bar 54 100 "run" "54 per cent" %}')


def test_a_command_copies_itself_without_the_prompt() -> None:
    html = render('{% command "mosaic stack up" %}')
    assert 'data-copy="mosaic stack up"' in html
    assert "$" not in html


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (0, "0 B"), (999, "999 B"), (480_000, "480 kB"), (6_930_000_000, "6.93 GB"), (46_200_000, "46.2 MB"),
     (999_999, "1.00 MB"), (2.5e15, "2500 TB")],
)  # fmt: skip
def test_bytes_are_decimal_with_three_digits(value: float | None, shown: str) -> None:
    assert looks.bytes(value) == shown


@pytest.mark.parametrize(("value", "shown"), [(None, "–"), (0, "0"), (5_908_438, "5,908,438")])
def test_counts_have_their_thousands_apart(value: int | None, shown: str) -> None:
    assert looks.count(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, "–"), (0.0042, "4 ms"), (0.8, "0.8 s"), (9.97, "10 s"), (59.7, "1 min"), (861, "14 min 21 s"),
     (3600, "1 h"), (11_100, "3 h 5 min"), (187_200, "2 d 4 h")],
)  # fmt: skip
def test_durations_read_as_people_say_them(seconds: float | None, shown: str) -> None:
    assert looks.duration(seconds) == shown


@pytest.mark.parametrize(
    ("back", "shown"), [(timedelta(seconds=12), "12 s ago"), (timedelta(minutes=26), "26 min ago")]
)
def test_an_age_below_an_hour_is_relative(back: timedelta, shown: str) -> None:
    assert looks.age(timezone.now() - back) == shown


def test_an_older_age_is_a_moment() -> None:
    assert looks.age(datetime(2026, 11, 21, 22, 14, 9, tzinfo=UTC)) == "21 Nov 2026, 22:14:09 UTC"


def test_moments_are_shown_in_utc_whatever_their_zone() -> None:
    moment = datetime.fromisoformat("2026-11-22T00:14:09+02:00")
    assert [looks.utc(moment), looks.utc(moment, "time"), looks.utc(moment, "short")] == [
        "21 Nov 2026, 22:14:09 UTC",
        "22:14:09",
        "21 Nov, 22:14",
    ]


def test_missing_moments_have_a_word() -> None:
    assert (looks.age(None), looks.utc(None)) == ("never", "–")


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("Run `a <b>`, then `c`.", "Run <code>a &lt;b&gt;</code>, then <code>c</code>."),
        ("plain <i>", "plain &lt;i&gt;"),
        ("a ` alone", "a ` alone"),
    ],
)
def test_words_between_backticks_are_shown_as_code(text: str, html: str) -> None:
    assert render("{{ text|coded }}", text=text) == html
