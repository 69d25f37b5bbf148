"""The documentation keeps up with the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import click
import pytest

from mosaic_admin.cli import GROUPS, mosaic
from mosaic_admin.env import Environment
from mosaic_admin.settings_page import PAGE, render

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DEPENDENCIES = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]]
NAMES = sorted({re.split(r"[\[<>=~ ]", item)[0] for item in DEPENDENCIES})


@pytest.mark.parametrize("name", NAMES)
def test_every_dependency_says_what_it_is_for(name: str) -> None:
    text = (ROOT / "docs" / "dependencies.md").read_text()
    assert re.search(rf"^\|.*(?<![\w-]){re.escape(name)}(?![\w-])", text, re.MULTILINE)


@pytest.mark.parametrize("milestone", ["M2", "M3", "M4", "M5", "M6", "M7"])
def test_the_roadmap_names_what_is_not_built(milestone: str) -> None:
    text = (ROOT / "docs" / "roadmap.md").read_text()
    assert re.search(rf"^\| {milestone} \|.*\*\*not built\*\* \|$", text, re.MULTILINE)


def test_every_link_between_documents_leads_somewhere() -> None:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"


def test_the_page_of_settings_is_what_the_code_says() -> None:
    assert PAGE.read_text() == render(), "run: .venv/bin/python -m mosaic_admin.settings_page"
    for name in Environment.model_fields:
        variable = Environment.model_fields[name].validation_alias or f"MOSAIC_{name.upper()}"
        assert f"| `{variable}` |" in render()


def test_every_document_is_linked_from_the_list_of_documents() -> None:
    text = (ROOT / "docs" / "README.md").read_text()
    listed = {(ROOT / "docs" / target).resolve() for target in re.findall(r"\]\(([^)#:]+)", text)}
    pages = set((ROOT / "docs").rglob("*.md")) - {ROOT / "docs" / "README.md"}
    missing = [str(page.relative_to(ROOT)) for page in pages - listed]
    assert not missing, f"link {', '.join(missing)} from docs/README.md"


def test_the_seed_coverage_names_every_step_and_only_paths_that_exist() -> None:
    page = ROOT / "docs" / "seed-coverage.md"
    rows = re.findall(r"^\| (FED-M1-\d\d) \|(.+)$", page.read_text(), re.MULTILINE)
    assert [name for name, _ in rows] == [f"FED-M1-{number:02}" for number in range(1, 13)]
    for name, row in rows:
        _, code, tests, pages = row.strip(" |").split(" | ")
        for cell in (code, tests, pages):
            named = re.findall(r"`([^`]+)`|\]\(([^)]+)\)", cell)
            assert named, f"{name}: an empty cell"
            for path, target in named:
                assert (page.parent / target if target else ROOT / path).exists(), f"{name}: {path or target}"


def named_commands() -> list[tuple[str, str, str]]:
    """Return (file, group, subcommand) for every `mosaic …` that code, pages and documents tell people to run."""
    folders = ("mosaic_admin", "tiers", "store", "compose", "doctor", "migration", "gateway", "templates", "docs")
    files = [
        path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".html", ".md")
    ]
    pattern = re.compile(rf"\bmosaic ({'|'.join([*GROUPS, 'stack', 'pglite'])})\b(?: ([a-z]+(?:-[a-z]+)*))?")
    return [
        (str(path.relative_to(ROOT)), group, word)
        for path in [ROOT / "README.md", *files]
        if path.name != "roadmap.md"  # it names what is not built
        for group, word in pattern.findall(path.read_text())
    ]


def test_every_command_that_is_named_to_people_exists() -> None:
    context = click.Context(mosaic)
    found = named_commands()
    assert len(found) > 50
    for file, group, word in found:
        command = mosaic.get_command(context, group)
        assert command is not None, f"{file} names `mosaic {group}`, which does not exist"
        if isinstance(command, click.Group) and word:
            assert command.get_command(context, word) is not None, f"{file} names `mosaic {group} {word}`"


def test_files_that_name_the_version_name_this_one() -> None:
    version = PROJECT["project"]["version"]
    for name in ("compose/docker-compose.yml", "compose/.env.example"):
        assert f"mosaic-admin:{version}" in (ROOT / name).read_text(), name
    assert re.search(rf"^## {re.escape(version)} · \d{{4}}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(), re.M)
