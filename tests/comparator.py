"""An independent comparator of a source and a target: plain SQL on both ends, none of the product's code.

`compare` reads every row of every mapped table from both ends, in key order through server-side cursors, so two million
rows need little memory. Schemas and proofs that nothing was written are in `tests.fingerprint`.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

FETCH_ROWS = 2_000
SETTINGS = (
    "-c TimeZone=UTC -c DateStyle=ISO,YMD -c IntervalStyle=iso_8601 -c extra_float_digits=3 -c bytea_output=hex "
    "-c search_path=public -c default_transaction_read_only=on"
)

Connection = psycopg.Connection[Any]
Row = tuple[str | None, ...]
Canon = Callable[[str], Any]


@dataclass(frozen=True)
class Difference:
    """One thing that is not equal. `key` is the target's key of the row, empty for a whole table."""

    kind: str  # count | missing | extra | value | sequence | column | catalog
    table: str
    key: Row = ()
    column: str = ""
    source: Any = None
    target: Any = None


@dataclass(frozen=True)
class TableMap:
    """How one table is expected to have been carried; names are the target's, but for `source` and `columns`' values.

    `columns`: column → source column. `ids`: column → the table whose ids were made
    uuids. `values`: column → {old: new}.
    `origin`: the column that keeps the original of the row's own id. `constants`: column without a source → its text
    in every row. `free`: columns that are not compared.
    """

    source: str
    target: str
    columns: dict[str, str]
    key: tuple[str, ...]
    ids: dict[str, str] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    origin: str | None = None
    constants: dict[str, str | None] = field(default_factory=dict)
    free: frozenset[str] = frozenset()

    @property
    def names(self) -> list[str]:
        """The compared columns, in the order in which rows are built."""
        return [*self.columns, *([self.origin] if self.origin else []), *self.constants]


@dataclass(frozen=True)
class Mapping:
    tables: tuple[TableMap, ...]
    sequences: bool = True


def open_reader(url: str) -> Connection:
    """Connect for reading one snapshot, with every setting pinned that a value's text depends on."""
    connection = psycopg.connect(url, options=SETTINGS)
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    return connection


def snake(name: str) -> str:
    """camelCase → snake_case, written again on purpose: `dueAt`, `ownerID`, `URLPath`, `contentSha256`."""
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def mapped_id(table: str, original: str) -> str:
    """Return the uuid that stands for an id that was none."""
    return str(UUID(bytes=hashlib.sha256(f"{table}:{original}".encode()).digest()[:16]))


# --- a mapping from the two catalogs ---------------------------------------------------------------------------------


def derive_mapping(
    source_url: str,
    target_url: str,
    *,
    tables: Iterable[str],
    text_ids: Iterable[str] = (),
    values: dict[tuple[str, str], dict[str, str]] | None = None,
    free: Iterable[str] = (),
) -> Mapping:
    """Pair tables by name and columns by snake_case name.

    `text_ids`: tables whose ids are no uuids; their `id` and every `<singular>_id` is expected as mapped. `values`:
    (table, target column) → {old: new}. A target column without a source must be NULL unless `free` names it.
    """
    with open_reader(source_url) as source, open_reader(target_url) as target:
        return Mapping(
            tuple(_derive_table(source, target, table, set(text_ids), values or {}, set(free)) for table in tables)
        )


def _derive_table(
    source: Connection,
    target: Connection,
    table: str,
    text_ids: set[str],
    values: dict[tuple[str, str], dict[str, str]],
    free: set[str],
) -> TableMap:
    there = column_types(target, table)
    by_name = {column if column in there else snake(column): column for column in column_types(source, table)}
    columns = {name: original for name, original in by_name.items() if name in there}
    references = {f"{other.removesuffix('s')}_id": other for other in text_ids}
    ids = {name: references[name] for name in columns if name in references}
    if table in text_ids:
        ids["id"] = table
    rest = sorted(set(there) - set(columns) - free)
    origin = "origin_id" if "id" in ids and "origin_id" in rest else None
    return TableMap(
        source=table,
        target=table,
        columns=columns,
        key=primary_key(target, table) or tuple(columns),
        ids=ids,
        values={column: words for (name, column), words in values.items() if name == table},
        origin=origin,
        constants={name: None for name in rest if name != origin},
        free=frozenset(free & set(there)),
    )


def column_types(connection: Connection, table: str) -> dict[str, str]:
    """Return column → type, without length limits. Raises LookupError where there is no such table."""
    rows = connection.execute(
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = to_regclass(%s)"
        " AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        (_regclass(table),),
    ).fetchall()
    if not rows:
        raise LookupError(f"no table {table} in {connection.info.dbname}")
    return dict(rows)


def primary_key(connection: Connection, table: str) -> tuple[str, ...]:
    rows = connection.execute(
        "SELECT a.attname FROM pg_constraint c CROSS JOIN unnest(c.conkey) WITH ORDINALITY AS k(attnum, n)"
        " JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum"
        " WHERE c.conrelid = to_regclass(%s) AND c.contype = 'p' ORDER BY k.n",
        (_regclass(table),),
    ).fetchall()
    return tuple(row[0] for row in rows)


# --- values ----------------------------------------------------------------------------------------------------------


def _float4(text: str) -> float:
    return float(struct.unpack(">f", struct.pack(">f", float(text)))[0])


def _vector(text: str) -> tuple[float, ...]:
    return tuple(_float4(number) for number in text[1:-1].split(",") if number)


def _number(text: str) -> Any:
    return text if text in ("NaN", "Infinity", "-Infinity") else Decimal(text)


def _json(text: str) -> Any:
    return json.loads(text, parse_float=_exact, parse_int=_exact)


def _exact(text: str) -> tuple[str, Decimal]:
    return "number", Decimal(text)  # a pair: apart from the string of the same digits


def canonical(source_type: str, target_type: str) -> Canon:
    """Return how texts of two types become Python values that can be compared. One type: the text is the value."""
    types = {source_type, target_type}
    if len(types) == 1 or types <= {"text", "character varying", "character", "uuid", "USER-DEFINED"}:
        return str
    if types & {"vector", "real[]", "double precision[]"}:
        return _vector
    if "real" in types:
        return _float4
    if types & {"json", "jsonb"}:
        return _json
    if types <= {"smallint", "integer", "bigint", "numeric", "double precision"}:
        return _number
    return str


def _source_value(table: TableMap, column: str) -> Canon | None:
    """Return what happened to a source's text on its way, None for nothing."""
    if column in table.ids:
        id_table = table.ids[column]
        return lambda text: mapped_id(id_table, text)
    if column in table.values:
        words = table.values[column]
        return lambda text: words.get(text, text)
    return None


# --- rows ------------------------------------------------------------------------------------------------------------


def compare(source_url: str, target_url: str, *, mapping: Mapping, limit: int = 100) -> list[Difference]:
    """Return what differs between the two ends, at most `limit` rows of each table."""
    found: list[Difference] = []
    with open_reader(source_url) as source, open_reader(target_url) as target:
        for table in mapping.tables:
            found += _compare_table(source, target, table, limit)
            if mapping.sequences:
                found += _compare_sequences(source, target, table)
    return found


def _compare_table(source: Connection, target: Connection, table: TableMap, limit: int) -> list[Difference]:
    here, there = column_types(source, table.source), column_types(target, table.target)
    unmapped = sorted(set(there) - set(table.names) - table.free)
    found = [Difference("column", table.target, column=name) for name in unmapped]
    counts = _count(source, table.source), _count(target, table.target)
    if counts[0] != counts[1]:
        found.append(Difference("count", table.target, source=counts[0], target=counts[1]))
    canons = [
        canonical(there[name] if name in table.ids else here[table.columns[name]], there[name])
        if name in table.columns
        else str
        for name in table.names
    ]
    pairs = _merge(_expected_rows(source, table), _stream(target, table.target, table.names, table.key), table)
    return found + list(islice(_row_differences(table, canons, pairs), limit))


def _count(connection: Connection, table: str) -> int:
    row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(_rows_of(connection, table))).fetchone()
    return int(row[0]) if row else 0


def _rows_of(connection: Connection, table: str) -> sql.Composable:
    """A table's own rows: without those of tables that inherit from it, with those of its partitions."""
    row = connection.execute("SELECT relkind FROM pg_class WHERE oid = %s::regclass", (_regclass(table),)).fetchone()
    is_partitioned = row is not None and row[0] == "p"
    return sql.SQL("{}" if is_partitioned else "ONLY {}").format(sql.Identifier(table))


def _regclass(table: str) -> str:
    quoted = table.replace('"', '""')
    return f'public."{quoted}"'


def _stream(connection: Connection, table: str, columns: Iterable[str], key: Iterable[str]) -> Iterator[Row]:
    """Yield a table's rows as texts, in the byte order of the key's texts."""
    types = column_types(connection, table)
    query = sql.SQL("SELECT {} FROM {} ORDER BY {}").format(
        sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(column)) for column in columns),
        _rows_of(connection, table),
        sql.SQL(", ").join(
            # a uuid's own order is that of its text, and has an index
            sql.SQL("{}" if types[column] == "uuid" else '{}::text COLLATE "C"').format(sql.Identifier(column))
            for column in key
        ),
    )
    with connection.cursor(name=f"read_{table}") as cursor:
        cursor.itersize = FETCH_ROWS
        cursor.execute(query)
        yield from cursor


def _expected_rows(source: Connection, table: TableMap) -> Iterator[Row]:
    """Yield the rows that the target should have, in the order of the target's key."""
    rows = _stream(source, table.source, table.columns.values(), [table.columns[name] for name in table.key])
    changes = [_source_value(table, name) for name in table.columns]
    own_id = list(table.columns).index("id") if table.origin else None
    tail = tuple(table.constants.values())
    if not any(changes):
        return (row + tail for row in rows) if tail else rows
    expected = (_changed(row, changes) + (() if own_id is None else (row[own_id],)) + tail for row in rows)
    if not set(table.key) & (set(table.ids) | set(table.values)):
        return expected
    key_of = _key_reader(table)  # made from other keys, they come in another order: sorted here, for small tables only
    return iter(sorted(expected, key=lambda row: _rank(key_of(row))))


def _changed(row: Row, changes: list[Canon | None]) -> Row:
    return tuple(
        change(text) if change is not None and text is not None else text
        for change, text in zip(changes, row, strict=True)
    )


def _key_reader(table: TableMap) -> Callable[[Row], Row]:
    places = [table.names.index(name) for name in table.key]
    return lambda row: tuple(row[place] for place in places)


def _rank(key: Row) -> tuple[tuple[bool, bytes], ...]:
    return tuple((part is None, (part or "").encode()) for part in key)  # NULL is last, as on the server


def _merge(source: Iterator[Row], target: Iterator[Row], table: TableMap) -> Iterator[tuple[Row | None, Row | None]]:
    """Pair the rows of two ordered streams by key; None where one end has no such row."""
    key_of = _key_reader(table)
    mine, theirs = next(source, None), next(target, None)
    while mine is not None or theirs is not None:
        if mine is not None and theirs is not None and key_of(mine) == key_of(theirs):
            yield mine, theirs
            mine, theirs = next(source, None), next(target, None)
        elif theirs is None or (mine is not None and _rank(key_of(mine)) < _rank(key_of(theirs))):
            yield mine, None
            mine = next(source, None)
        else:
            yield None, theirs
            theirs = next(target, None)


def _row_differences(
    table: TableMap, canons: list[Canon], pairs: Iterator[tuple[Row | None, Row | None]]
) -> Iterator[Difference]:
    key_of = _key_reader(table)
    for mine, theirs in pairs:
        if mine is None or theirs is None:
            row = theirs if mine is None else mine
            yield Difference("extra" if mine is None else "missing", table.target, key_of(row or ()))
        elif mine != theirs:
            for name, canon, one, other in zip(table.names, canons, mine, theirs, strict=True):
                if one != other and (one is None or other is None or canon(one) != canon(other)):
                    yield Difference("value", table.target, key_of(theirs), name, one, other)


# --- sequences -------------------------------------------------------------------------------------------------------


def _compare_sequences(source: Connection, target: Connection, table: TableMap) -> list[Difference]:
    found = []
    for name, original in table.columns.items():
        states = _sequence(source, table.source, original), _sequence(target, table.target, name)
        if states[0] != states[1] and states[0] is not None:
            found.append(Difference("sequence", table.target, (), name, *states))
    return found


def _sequence(connection: Connection, table: str, column: str) -> tuple[int, bool] | None:
    """Return where the sequence behind a serial or identity column stands; None when there is none."""
    query = "SELECT pg_get_serial_sequence(quote_ident(%s), %s)"
    name = (connection.execute(query, (table, column)).fetchone() or (None,))[0]
    if name is None:
        return None
    row = connection.execute(f"SELECT last_value, is_called FROM {name}".encode()).fetchone()
    return row and (row[0], row[1])


def __getattr__(name: str) -> Any:
    """Offer `catalog_of`, `compare_catalogs`, `fingerprint` and `Fingerprint` here too."""
    if name in ("catalog_of", "compare_catalogs", "fingerprint", "Fingerprint"):
        from tests import fingerprint

        return getattr(fingerprint, name)
    raise AttributeError(name)
