"""The wheel in an empty environment, without the checkout: from `mosaic --version` to a verified migration."""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests import environment
from tests.demo import Demo
from tests.e2e import steps
from tests.e2e.console import Console
from tests.e2e.looking import PATIENCE_MS, sign_in
from tests.program import ROOT, Program

ROWS = 2000
RUN_MS = 60_000


@pytest.fixture(scope="module")
def wheel_demo(installed_wheel: Program) -> Iterator[Demo]:
    folder = environment.ROOT / "wheel-demo"
    folder.mkdir(mode=0o711)
    item = Demo(folder, rows=ROWS, program=installed_wheel)
    try:
        item.start()
        yield item
    finally:
        item.clean()


def test_the_command_of_the_wheel_says_its_version(installed_wheel: Program) -> None:
    command = Path(installed_wheel.python).parent / "mosaic"
    said = subprocess.run(
        [command, "--version"], cwd=installed_wheel.folder, capture_output=True, text=True, check=True
    )
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert said.stdout.strip() == f"mosaic, version {version}"


def test_the_wheel_runs_without_the_checkout(installed_wheel: Program) -> None:
    where = "import compose, doctor, mosaic_admin; print(compose.__file__, doctor.__file__, mosaic_admin.__file__)"
    said = subprocess.run(
        [installed_wheel.python, "-c", where], cwd=installed_wheel.folder, capture_output=True, text=True, check=True
    )
    home = Path(installed_wheel.python).parent.parent
    assert all(Path(file).is_relative_to(home) for file in said.stdout.split())


def test_a_migration_is_verified_on_the_wheels_demo(wheel_demo: Demo, browser: Browser, console: Console) -> None:
    context = browser.new_context(base_url=wheel_demo.url)
    context.set_default_timeout(PATIENCE_MS)
    context.on("page", console.watch)
    page = context.new_page()
    sign_in(page, "admin", wheel_demo.password)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    steps.start(page)
    expect(page.locator(".page-head .status")).to_have_text("Verified", timeout=RUN_MS)
    assert (wheel_demo.status_of("/static/mosaic.css"), wheel_demo.status_of("/healthz")) == (200, 200)
    context.close()
    assert console.unexpected() == []
