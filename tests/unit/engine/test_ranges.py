"""Which rows a chunk is, in SQL. The embedded server has no collation but C's: the text is what can be tested."""

from __future__ import annotations

import pytest

from migration.engine.ledger_rows import ChunkRow
from migration.engine.model import Action, ColumnPlan, TablePlan
from migration.engine.ranges import copy_out, where


def table(source_type: str = "text", chunk_column: str = "word") -> TablePlan:
    column = ColumnPlan("word", "word", source_type, source_type)
    return TablePlan("words", "words", Action.CARRY, columns=(column,), key=("word",), chunk_column=chunk_column)


@pytest.mark.parametrize("source_type", ["text", "character varying(20)", "character varying"])
def test_a_text_key_is_cut_in_the_order_of_its_bytes(source_type: str) -> None:
    chunk = ChunkRow("words", 2, "b'", "c")
    wanted = f"""\"word" COLLATE "C" >= 'b'''::{source_type} AND "word" COLLATE "C" < 'c'::{source_type}"""
    assert where(table(source_type), chunk) == wanted


def test_an_ordinary_table_is_cut_and_read_by_place() -> None:
    by_place = table(chunk_column="ctid")
    assert where(by_place, ChunkRow("words", 1, None, "(40,0)")) == "ctid < '(40,0)'::tid"
    assert where(by_place, ChunkRow("words", 1, None, None)) == "true"
    assert "ORDER BY" not in copy_out(by_place, ChunkRow("words", 2, "(40,0)", None))


def test_a_partitioned_table_is_read_in_the_order_of_its_key() -> None:
    assert 'ORDER BY "word" COLLATE "C"' in copy_out(table(), ChunkRow("words", 1, None, None))
