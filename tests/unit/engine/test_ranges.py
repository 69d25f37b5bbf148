"""Which rows a chunk is, in SQL. The embedded server has no collation but C's: the text is what can be tested."""

from __future__ import annotations

import pytest

from migration.engine.ledger_rows import ChunkRow
from migration.engine.model import Action, ColumnPlan, TablePlan
from migration.engine.ranges import target_where, where


@pytest.mark.parametrize(
    ("source_type", "target_type"),
    [
        ("text", "text"),
        ("character varying(20)", "text"),
        ("character varying(20)", "character varying(20)"),
        ("character varying", "character varying"),
    ],
)
def test_both_ends_cut_a_text_key_in_one_order(source_type: str, target_type: str) -> None:
    column = ColumnPlan("word", "word", source_type, target_type)
    table = TablePlan("words", "words", Action.CARRY, columns=(column,), key=("word",), chunk_column="word")
    chunk = ChunkRow("words", 2, "b'", "c")
    wanted = f"""\"word" COLLATE "C" >= 'b'''::{source_type} AND "word" COLLATE "C" < 'c'::{source_type}"""
    assert where(table, chunk) == wanted
    assert target_where(table, chunk) == wanted
