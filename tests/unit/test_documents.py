"""No command of a document escapes: each block is run, or says why not and is at least made of words that exist."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from mosaic_admin.cli import mosaic
from tests.documents import ROOT, RUN, SHOWN, Block, Session, blocks_of, compare, pages

BLOCKS = [block for page in pages() for block in blocks_of(page)]
COMMAND = re.compile(r"^\s*(?:\$ |sudo |mosaic |make |curl |docker |python |\.venv/)", re.MULTILINE)
MAKE_TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
INLINE = [
    (page, code)
    for page in pages()
    for code in re.findall(r"`(mosaic [^`]+)`", re.sub(r"```.*?```", "", (ROOT / page).read_text(), flags=re.DOTALL))
]


def where(item: Block | tuple[str, str]) -> str:
    return item.where if isinstance(item, Block) else " ".join(item)


@pytest.mark.parametrize("block", BLOCKS, ids=where)
def test_every_block_says_what_it_is(block: Block) -> None:
    assert block.language in (*RUN, *SHOWN), f"{block.where}: name a language: {', '.join((*RUN, *SHOWN))}"
    if block.language in SHOWN:
        assert not block.reason, f"{block.where}: nothing here is run anyway"
    if block.language == "text":
        assert not COMMAND.search(block.text), f"{block.where} holds commands: make it sh or console"
    if block.language == "json":
        json.loads(block.text)
    if block.language == "python":
        ast.parse(block.text)


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.reason], ids=where)
def test_what_is_not_run_is_made_of_words_that_exist(block: Block) -> None:
    for line in block.text.replace("\\\n", " ").splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True)
        if not words:
            continue
        match [word for word in words if word != "sudo"]:
            case ["mosaic", *rest] | [".venv/bin/mosaic", *rest]:
                check_mosaic(rest)
            case ["make", *targets]:
                assert {word for word in targets if "=" not in word} <= MAKE_TARGETS, block.where
            case ["python" | ".venv/bin/python", "-m", module, *rest]:
                check_module(module, rest)
        paths = [word for word in words if re.match(r"(tests|bench|compose|scripts)/[\w/.-]+$", word)]
        assert all((ROOT / path).exists() for path in paths), f"{block.where}: {paths}"


def check_module(name: str, words: list[str]) -> None:
    """Raise for a module that is not there, or an option that it never mentions."""
    found = importlib.util.find_spec(name)
    assert found is not None, f"no module {name}"
    assert found.origin is not None
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    unknown = {option for option in options if f'"{option}"' not in Path(found.origin).read_text()}
    assert not unknown, f"python -m {name}: no {unknown}"


@pytest.mark.parametrize("page_and_code", INLINE, ids=where)
def test_every_option_of_a_command_within_a_sentence_exists(page_and_code: tuple[str, str]) -> None:
    code = page_and_code[1].split(" | ")[0].split(" < ")[0]
    check_mosaic(re.sub(r"[\[\]'\"]", "", code).split()[1:])


def check_mosaic(words: list[str]) -> None:
    """Raise for a command or an option that `mosaic` has not."""
    command: click.Command = mosaic
    context = click.Context(command)
    options = {*_options(command, context)}
    for word in words:
        if word.startswith("-"):
            assert word.partition("=")[0] in options, f"mosaic {' '.join(words)}: no {word}"
        elif isinstance(command, click.Group):
            for name in word.split("|"):  # `mosaic gateway pause|resume`
                found = command.get_command(context, name)
                assert found is not None or not re.fullmatch(r"[a-z-]+", name), f"no command {word}"
            if found is None:
                return
            command = found
            context = click.Context(command, parent=context, info_name=word)
            options |= {*_options(command, context)}


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.get_params(context):
        yield from (*parameter.opts, *parameter.secondary_opts)


# What holds the documents has to be able to fail.

PAGE = """
```sh
make run     # goes on
```
*Not run by the tests: it needs another machine.*

```sh
mosaic stack up
```
1. text
   ```console
   $ echo one
   one
   $ false
   $ echo $?
   1
   ```
"""


def test_blocks_are_read_with_their_place_and_reason() -> None:
    started, left_out, typed = blocks_of("x.md", PAGE)
    assert (started.is_run, started.is_started_by_the_fixture) == (False, True)
    assert (left_out.is_run, left_out.reason) == (False, "it needs another machine")
    assert [(step.command, step.answer) for step in typed.steps()] == [
        ("echo one", "one\n"),
        ("false", ""),
        ("echo $?", "1\n"),
    ]


def follow(text: str, folder: Path) -> None:
    Session(folder, {"PATH": "/usr/bin:/bin"}, {"8000": 1234}).follow(
        "x.md", folder / "answers", blocks_of("x.md", text)
    )


def test_a_page_is_typed_into_one_shell(tmp_path: Path) -> None:
    follow(PAGE + "```sh\na=http://127.0.0.1:8000\n```\n```console\n$ echo $a\nhttp://127.0.0.1:8000\n```\n", tmp_path)
    assert any("127.0.0.1:1234" in answer.read_text() for answer in (tmp_path / "answers").glob("*.0"))


@pytest.mark.parametrize(
    "text",
    [
        "```sh\ntrue\nfalse\ntrue\n```\n",
        "```console\n$ false\n$ true\n```\n",
        "```console\n$ false | cat\n$ true\n```\n",
        "```console\n$ echo one\ntwo\n```\n",
        "```console\n$ true\n$ echo $?\n1\n```\n".replace("1", "one"),
        "```sh\ntrue\n```\n```sh\nexit 3\n```\n```sh\ntrue\n```\n",
        '```console\n$ echo \'{"a": 1}\'\n{"a": 1, "b": 2}\n```\n',
    ],
)
def test_a_page_that_is_wrong_fails(text: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"x\.md:\d"):
        follow(text, tmp_path)


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ("Run #1: done in 2.5 s", "Run  #12: done in 1,023.4 s\n"),
        ("first\n…\nlast", "first\na\nb\nlast"),
        ("user …: gone", "user one of us: gone"),
        ('{"id": "…", "n": 1, "list": [{"a": "x"}, "…"]}', '{"id": 3, "n": 2.5, "list": [{"a": "y"}, {"a": "z"}]}'),
        ('{"a": null, "…": "…"}', '{"a": "word", "b": 1}'),
    ],
)
def test_an_answer_of_the_same_shape_is_the_same(shown: str, said: str) -> None:
    assert compare(shown, said) == ""


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ("Run #1: done", "Run #1: failed"),
        ("one\ntwo", "one"),
        ('{"a": 1}', '{"a": "1"}'),
        ('{"a": 1}', '{"a": 1, "b": 2}'),
        ('{"a": 1, "b": 2}', '{"a": 1}'),
        ('{"a": [1]}', '{"a": [1, 2]}'),
        ('{"a": [1, "…"]}', '{"a": []}'),
        ('{"a": true}', '{"a": 1}'),
        ('{"a": 1}', "MOS-BUG-001"),
    ],
)
def test_an_answer_of_another_shape_is_not(shown: str, said: str) -> None:
    assert compare(shown, said)
