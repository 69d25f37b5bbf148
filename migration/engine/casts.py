"""SQL expressions: how a source column becomes the store's, and how both ends show it for verification."""

from __future__ import annotations

from migration.engine.catalog import SourceColumn, literal, quote
from migration.engine.model import ColumnPlan

INTEGERS = ("smallint", "integer", "bigint")
_FLOATS = ("real", "double precision")
_TEXT_BASES = ("text", "varchar", "bpchar", "name", "citext")
_NUMBER_ARRAYS = ("real[]", "double precision[]", "integer[]")
_UUID = "'^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$'"

# Types that a verification can compare: with a hash of their own (values equal as their type hash alike: 1.0 = 1.00) …
# fmt: off
_HASHABLE = frozenset((
    "bool", "int2", "int4", "int8", "oid", "numeric", "float4", "float8", "text", "varchar", "uuid", "date",
    "time", "timetz", "timestamp", "timestamptz", "interval", "jsonb", "bytea", "inet", "cidr", "macaddr",
    "macaddr8", "pg_lsn", "char",
))
# … or by a text form that is complete under the pinned settings. Anything else stops the plan.
_AS_TEXT = frozenset((
    "json", "tsvector", "int4multirange", "int8multirange", "nummultirange", "datemultirange", "tsmultirange",
    "tstzmultirange", "tsquery", "bit", "varbit", "point", "line", "lseg", "box", "path", "polygon", "circle",
    "xml", "bpchar", "name", "citext", "jsonpath", "int4range", "int8range", "numrange", "daterange", "tsrange",
    "tstzrange",
))
_TYPED_NAMES = frozenset((
    "boolean", "smallint", "integer", "bigint", "oid", "numeric", "real", "double precision", "text", "uuid",
    "date", "time without time zone", "timestamp without time zone", "timestamp with time zone", "interval",
    "jsonb", "bytea", "inet", "cidr", "macaddr",
))
# fmt: on


def is_text(column: SourceColumn) -> bool:
    return column.base in _TEXT_BASES or (column.is_enum and not column.base.startswith("_"))


def embedding_array(name: str, source_type: str) -> str:
    """Return the embedding as real[], whatever the source keeps it as; NULL for NULL and for JSON's null."""
    if source_type.endswith("[]") or source_type.startswith("vector"):
        return f"{quote(name)}::real[]"
    return f"translate(nullif({_squeezed(name)}, 'null'), '[]', '{{}}')::real[]"


def _squeezed(name: str) -> str:
    return rf"translate({quote(name)}::text, E' \n\r\t', '')"


def is_embedding(name: str, source_type: str) -> str:
    """Return a condition: the value converts to real[]; what pgvector then says of the array is another question."""
    if source_type in ("double precision[]", "numeric[]"):
        outside = "abs(v) < 7.1e-46 AND v <> 0 OR abs(v) > 3.4028235677973366e38 AND abs(v) <> 'Infinity'"
        return f"NOT EXISTS (SELECT FROM unnest({quote(name)}::float8[]) v WHERE {outside})"
    if source_type.endswith("[]") or source_type.startswith("vector"):
        return "true"
    number = r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?(nan|inf|infinity)"
    return rf"{_squeezed(name)} ~* '^(null|[[{{](({number})(,({number}))*)?[]}}])$'"


def cast(column: SourceColumn, target_type: str) -> tuple[str, str] | None:
    """Return (expression, note) that gives exactly `target_type`; ("", "") for the column as it is, None for no way."""
    name = quote(column.name)
    if column.type == target_type:
        return "", ""
    match target_type:
        case "text":
            if is_text(column) or column.base in ("uuid", *_HASHABLE):
                return f"{name}::text", f"{column.type} → text"
        case "timestamp with time zone":
            return _to_time(column)
        case "numeric":
            return _to_numeric(column)
        case "integer" | "double precision":
            if column.type in (*INTEGERS, *_FLOATS) or column.base == "numeric":
                return f"{name}::{target_type}", f"{column.type} → {target_type}"
        case "boolean":
            return _to_boolean(column)
        case "text[]":
            return _to_text_array(column)
        case "jsonb":
            if column.base == "json" or is_text(column):
                return f"{name}::jsonb", f"{column.type} → jsonb"
        case "vector":
            return _to_vector(column)
    return None


def _to_time(column: SourceColumn) -> tuple[str, str] | None:
    name = quote(column.name)
    if column.base == "timestamptz":  # timestamp(3) with time zone
        return f"{name}::timestamptz", f"{column.type} → timestamptz"
    if column.base == "timestamp":
        return f"({name} AT TIME ZONE 'UTC')", "a time without zone is read as UTC"
    if column.base == "date":
        return f"({name}::timestamp AT TIME ZONE 'UTC')", "a date becomes its first instant in UTC"
    return None


def _to_numeric(column: SourceColumn) -> tuple[str, str] | None:
    name = quote(column.name)
    if column.type in INTEGERS or column.base == "numeric":
        return f"{name}::numeric", f"{column.type} → numeric"
    if column.type in _FLOATS:  # by way of text: float → numeric rounds to 6 or 15 digits
        return f"{name}::text::numeric", f"{column.type} → numeric, every digit kept"
    return None


def _to_boolean(column: SourceColumn) -> tuple[str, str] | None:
    if column.type in INTEGERS:
        return f"({quote(column.name)} <> 0)", "0 is false, anything else true"
    return (f"{quote(column.name)}::boolean", "text → boolean") if is_text(column) else None


def _to_text_array(column: SourceColumn) -> tuple[str, str] | None:
    name = quote(column.name)
    if column.category == "A":
        return f"{name}::text[]", f"{column.type} → text[]"
    if column.base in ("json", "jsonb"):
        items = f"ARRAY(SELECT jsonb_array_elements_text({name}::jsonb))"
        return f"CASE WHEN {name} IS NOT NULL THEN {items} END", f"{column.type} list → text[]"
    return None


def _to_vector(column: SourceColumn) -> tuple[str, str] | None:
    if column.base == "vector":  # vector(1536) and vector are the same on the wire
        return "", "dimension kept in embedding_dim"
    if column.type in _NUMBER_ARRAYS or column.base in ("json", "jsonb", "_numeric") or is_text(column):
        return embedding_array(column.name, column.type), f"{column.type} → vector, compared as real[]"
    return None


def mapped_id(table: str, column: SourceColumn) -> str:
    """Return the uuid of an id that may be none (DESIGN §5): a uuid in text is kept, anything else is hashed."""
    name = f"{quote(column.name)}::text"
    hashed = f"encode(substr(sha256(convert_to({literal(table + ':')}||{name},'UTF8')),1,16),'hex')::uuid"
    if column.type in INTEGERS:
        return hashed
    return f"CASE WHEN {name} ~* {_UUID} THEN {name}::uuid ELSE {hashed} END"


def origin_id(column: SourceColumn) -> str:
    """Return the original id, NULL where it was a uuid and is kept."""
    name = f"{quote(column.name)}::text"
    return name if column.type in INTEGERS else f"CASE WHEN {name} !~* {_UUID} THEN {name} END"


def map_words(expression: str, words: dict[str, str]) -> str:
    """Return `expression` with some of its words replaced."""
    if not words:
        return expression
    cases = " ".join(f"WHEN {literal(old)} THEN {literal(new)}" for old, new in sorted(words.items()))
    return f"CASE {expression} {cases} ELSE {expression} END"


def select_expression(column: ColumnPlan) -> str:
    return column.cast or quote(column.source)


def is_reframed(column: ColumnPlan) -> bool:
    """Say whether a column leaves the source as real[] and arrives as `vector`, a type that only the target has."""
    return column.target_type == "vector" and bool(column.cast)


def can_verify(column: SourceColumn) -> bool:
    """Say whether a column of this type can be compared on both ends."""
    element = column.base.removeprefix("_")
    return column.is_enum or element == "vector" or element in _HASHABLE or element in _AS_TEXT


def comparable(column: ColumnPlan) -> tuple[str, str]:
    """Return the expressions that both ends hash, of one type with an extended hash on either."""
    source, target = select_expression(column), quote(column.target)
    if column.target_type == "vector":
        return embedding_array(column.source, column.source_type), f"{target}::real[]"
    base = column.target_type.split("(")[0].removesuffix("[]")
    if base in _TYPED_NAMES:
        return source, target
    return f"({source})::text", f"{target}::text"
