"""Documents as a reader follows them: their fenced blocks, read, run in bash, and compared with what they show.

- ```sh``` is run, line after line, and stops at the first command that fails.
- ```console``` is run too: what follows `$ ` is typed, the rest is the answer, compared by shape.
- A block that cannot be run here has the line `*Not run by the tests: REASON.*` above it, for readers to see as well.
- `make run` alone in a block is what the session's fixture starts.
- Other languages show files and answers; they hold no commands.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RUN = ("sh", "console")
SHOWN = ("json", "python", "text", "mermaid", "ini", "sql")
STARTED_BY_THE_FIXTURE = "make run"
REASON = re.compile(r"\s*\*Not run by the tests: (.{10,})\.\*$")
FENCE = re.compile(r"^(\s*)```(.*)$")
PAGE_LIMIT_S = 900.0  # for a page on a machine with much else to do


@dataclass(frozen=True)
class Step:
    """One thing that is typed, and the answer that the page shows (empty: any)."""

    command: str
    answer: str = ""


@dataclass(frozen=True)
class Block:
    """A fenced block; `line` is where it begins, `reason` why it is not run (empty: it is)."""

    page: str
    line: int
    language: str
    text: str
    reason: str = ""

    @property
    def where(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def is_started_by_the_fixture(self) -> bool:
        return self.language == "sh" and self.text.partition("#")[0].strip() == STARTED_BY_THE_FIXTURE

    @property
    def is_run(self) -> bool:
        return self.language in RUN and not self.reason and not self.is_started_by_the_fixture

    def steps(self) -> list[Step]:
        return [Step(self.text)] if self.language == "sh" else list(_typed(self.text))


def pages() -> list[str]:
    """Return every document that people read, as paths below the repository."""
    return ["README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))]


def blocks_of(page: str, text: str | None = None) -> list[Block]:
    """Return the fenced blocks of a page, in their order."""
    lines = ((ROOT / page).read_text() if text is None else text).splitlines()
    found: list[Block] = []
    begun: tuple[int, str, str] | None = None
    for number, line in enumerate(lines, 1):
        fence = FENCE.match(line)
        if fence is None:
            continue
        if begun is None:
            begun = (number, fence[1], fence[2].strip())
            continue
        first, indent, language = begun
        inside = [item.removeprefix(indent) for item in lines[first : number - 1]]
        found.append(Block(page, first, language, "\n".join(inside) + "\n", _reason(lines[: first - 1])))
        begun = None
    assert begun is None, f"{page}:{begun and begun[0]}: a block without an end"
    return found


def _reason(before: list[str]) -> str:
    last = next((line for line in reversed(before) if line.strip()), "")
    match = REASON.match(last)
    return match[1] if match else ""


def _typed(text: str) -> Iterator[Step]:
    command, answer = "", ""
    for line in text.splitlines():
        if command.endswith("\\"):
            command += f"\n{line}"
        elif line.startswith("$ "):
            if command:
                yield Step(command, answer)
            command, answer = line[2:], ""
        else:
            assert command, f"an answer before the first `$ `: {line}"
            answer += f"{line}\n"
    yield Step(command, answer)


@dataclass
class Session:
    """A reader's shell: where it stands, what its environment is, which ports the pages' own are here."""

    folder: Path
    environment: Mapping[str, str]
    ports: Mapping[str, int] = field(default_factory=dict)

    def here(self, text: str) -> str:
        """Put this session's ports where the page has the usual ones."""
        return re.sub(r"(?<![\w.])\d{4}(?!\w)", lambda match: str(self.ports.get(match[0], match[0])), text)

    def follow(self, page: str, answers: Path, blocks: Iterable[Block] | None = None) -> None:
        """Type the whole page into one bash, then compare the answers.

        Raises:
            AssertionError: a command failed, or an answer is not what the page shows; with the page's line.
        """
        chosen = [block for block in (blocks_of(page) if blocks is None else blocks) if block.is_run]
        answers.mkdir()
        script = answers / "script.sh"
        script.write_text("\n".join(["set -euo pipefail", *(self._typing(item, answers) for item in chosen)]))
        with (answers / "outside").open("wb") as outside:
            done = subprocess.run(
                ["bash", str(script)],
                cwd=self.folder,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=outside,
                stderr=outside,
                check=False,
                timeout=PAGE_LIMIT_S,
            )
        for block in chosen:
            for number, step in enumerate(block.steps()):
                answer = _file(answers, block, number)
                said = answer.read_text(errors="replace") if answer.exists() else "(never begun)"
                is_last = done.returncode != 0 and not self._is_begun_after(chosen, block, number, answers)
                assert not is_last, f"{block.where} failed ({done.returncode}):\n{step.command}\n{said}"
                difference = compare(self.here(step.answer), said) if step.answer.strip() else ""
                assert not difference, f"{block.where} {step.command}\n{difference}\nThe answer was:\n{said}"

    def _typing(self, block: Block, answers: Path) -> str:
        lines = []
        steps = block.steps()
        for number, (step, after) in enumerate(pairwise([*steps, Step("")])):
            typed = f"{{ {self.here(step.command)}\n}} >'{_file(answers, block, number)}' 2>&1"
            asks_code = after.command == "echo $?"
            lines.append(f"set +e; {typed}" if asks_code else typed)
            if step.command == "echo $?":
                lines.append("set -e")
        return "\n".join(lines)

    @staticmethod
    def _is_begun_after(chosen: list[Block], block: Block, number: int, answers: Path) -> bool:
        places = [(item, index) for item in chosen for index in range(len(item.steps()))]
        following = places[places.index((block, number)) + 1 :]
        return bool(following) and _file(answers, *following[0]).exists()


def _file(answers: Path, block: Block, number: int) -> Path:
    return answers / f"{block.line}.{number}"


def compare(shown: str, said: str) -> str:
    """Return how an answer differs from the one that a page shows; empty when it has its shape.

    JSON: the same members and types; `"…"` stands for any value, a member or item `"…"` for any more of them. Text: the
    same lines; digits stand for any number, `…` for any words of its line, a line `…` for any lines.
    """
    if shown.lstrip()[:1] in ("{", "["):
        begin = re.search(r"^[{\[]", said, re.MULTILINE)
        if begin is None:
            return "The page shows JSON."
        try:
            return "\n".join(_differences(json.loads(shown), json.loads(said[begin.start() :]), "$"))
        except json.JSONDecodeError as exc:
            return f"JSON cannot be read: {exc}"
    pattern = "".join(_line_pattern(line) for line in shown.strip().splitlines())
    plain = "".join(f"{' '.join(line.split())}\n" for line in said.strip().splitlines())
    return "" if re.fullmatch(pattern, plain) else f"The page shows:\n{shown}"


def _line_pattern(line: str) -> str:
    words = " ".join(line.split())
    if words == "…":
        return r"(?:.*\n)*?"
    escaped = re.escape(words).replace("…", ".*")
    return re.sub(r"\d+(?:(?:\\\.|,)\d+)*", r"[\\d.,]+", escaped) + r"\n"


def _differences(shown: Any, said: Any, path: str) -> Iterator[str]:
    if shown == "…" or shown is None or said is None:
        return
    if isinstance(shown, dict) and isinstance(said, dict):
        yield from (f"{path}.{key}: not in the answer" for key in shown.keys() - said.keys() - {"…"})
        if "…" not in shown:
            yield from (f"{path}.{key}: not in the page" for key in said.keys() - shown.keys())
        for key in shown.keys() & said.keys():
            yield from _differences(shown[key], said[key], f"{path}.{key}")
    elif isinstance(shown, list) and isinstance(said, list):
        items = [item for item in shown if item != "…"]
        if len(said) < len(items) or (items and len(items) == len(shown) and len(said) != len(items)):
            yield f"{path}: {len(said)} items, the page shows {len(items)}"
        for number, (left, right) in enumerate(zip(items, said, strict=False)):
            yield from _differences(left, right, f"{path}[{number}]")
    elif _kind(shown) is not _kind(said):
        yield f"{path}: {said!r} is no {_kind(shown).__name__}"


def _kind(value: Any) -> type:
    return float if isinstance(value, int | float) and not isinstance(value, bool) else type(value)
