"""The picture in docs/architecture.md is what the code imports."""

from __future__ import annotations

import re
from functools import cache
from itertools import product

import grimp

from tests.documents import blocks_of

PACKAGES = ("gateway", "migration", "compose", "doctor", "store", "tiers")


@cache
def imports() -> dict[str, set[str]]:
    graph = grimp.build_graph("mosaic_admin", *PACKAGES)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


@cache
def node_of(module: str) -> str:
    """Return a module's box: the modules of `mosaic_admin` that import a package stand on top, the others below."""
    package = module.partition(".")[0]
    if package != "mosaic_admin":
        return package
    reached = [name.partition(".")[0] in PACKAGES or node_of(name) == "edges" for name in imports()[module]]
    return "edges" if any(reached) else "base"


def drawn() -> set[tuple[str, str]]:
    [picture] = [block.text for block in blocks_of("docs/architecture.md") if block.language == "mermaid"]
    lines = re.findall(r"^\s*(\w+) --> (.+)$", picture, re.MULTILINE)
    return {pair for left, right in lines for pair in product([left], right.split(" & "))}


def test_every_arrow_is_an_import_and_every_import_an_arrow() -> None:
    found = {(node_of(module), node_of(name)) for module, names in imports().items() for name in names}
    assert drawn() == {(left, right) for left, right in found if left != right}
