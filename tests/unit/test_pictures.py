"""docs/images has each page in each look, and nothing else; `python scripts/screenshots.py` takes them."""

from __future__ import annotations

import struct

import pytest
from django.conf import settings

from tests.e2e.looking import LOOKS
from tests.e2e.pages import routes

IMAGES = settings.BASE_DIR / "docs" / "images"
PICTURES = {path.name: path for path in IMAGES.glob("*")}
LARGEST, ALL_TOGETHER = 300_000, 6_000_000  # bytes


def test_every_page_has_its_three_pictures_and_no_picture_is_without_a_page() -> None:
    wanted = {f"{name}-{look}.png" for name in routes() for look in LOOKS}
    assert set(PICTURES) ^ wanted == set(), "Take them again: python scripts/screenshots.py"


@pytest.mark.parametrize("look", LOOKS)
def test_a_picture_is_as_wide_as_its_look(look: str) -> None:
    found = {name: _width(path.read_bytes()) for name, path in PICTURES.items() if name.endswith(f"-{look}.png")}
    assert found
    assert set(found.values()) == {LOOKS[look][1]}


def _width(png: bytes) -> int:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    (width,) = struct.unpack_from(">I", png, 16)
    return int(width)


def test_the_pictures_are_small() -> None:
    sizes = {name: path.stat().st_size for name, path in PICTURES.items()}
    assert {name: size for name, size in sizes.items() if size > LARGEST} == {}
    assert sum(sizes.values()) < ALL_TOGETHER
