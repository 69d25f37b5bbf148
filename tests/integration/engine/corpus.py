"""Types, their nastiest values and the names of tables, for the round trips of `test_corpus.py`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One column of one type; each value is a row of its own, as an SQL text literal cast to the type."""

    type: str
    values: tuple[str, ...]
    since: int = 14  # the first PostgreSQL that takes all of these values

    @property
    def name(self) -> str:
        return self.type


TIMES = ("infinity", "-infinity", "0044-03-15 BC", "4713-01-01 BC", "epoch", "2000-02-29", "294276-12-31")
MOMENTS = (
    "infinity", "-infinity", "4713-01-01 00:00:00 BC", "0001-12-31 23:59:59.999999 BC", "1883-11-18 12:03:57",
    "2024-03-31 02:30:00.123456", "294276-12-31 23:59:59.999999",
)  # fmt: skip
NUMBERS = ("0", "-0.0", "1.0", "1.00", "1.500", "NaN", "Infinity", "-Infinity", "9" * 1000, "-0." + "0" * 900 + "1",
           "1" + "0" * 131071, "123456789012345678901234567890.000000000000000000001")  # fmt: skip
FLOATS = ("0", "-0", "NaN", "Infinity", "-Infinity", "1e-45", "3.4028235e38", "0.1", "16777217", "-1.17549435e-38")
DOUBLES = ("0", "-0", "NaN", "Infinity", "-Infinity", "5e-324", "1.7976931348623157e308", "0.1", "9007199254740993")
TEXTS = (
    "", " ", "  padded  ", "NULL", "\\N", "\\.", "tab\there", "line\nfeed", "carriage\rreturn", "'quoted' \"twice\"",
    "back\\slash", "%s %% %(x)s", "☃ Zoë e\u0301 é", "\U0001f600\u200d\u202e", "{a,b}", "\x01\x7f", "a" * 9000,
    "\ufeff",
)  # fmt: skip
JSONB = (
    "null", "true", "0", "-0", "1.0", "1.00", "1e100", '""', '"\\u2603 \\\\ \\" \\n"', "[]", "{}", "[[[[null]]]]",
    '{"": {"a.b": [1, 2.50, null, "x"]}}', '{"b": 1, "a": 2}', "1" * 200, '"\\ud83d\\ude00"',
)  # fmt: skip
JSON = (*JSONB, '{"b":1,  "a":2, "a": 3}', '"\\u0000"', " [1 ,\n2] ")

CASES = (
    Case("smallint", ("-32768", "0", "32767")),
    Case("integer", ("-2147483648", "0", "2147483647")),
    Case("bigint", ("-9223372036854775808", "0", "9223372036854775807")),
    Case("numeric", NUMBERS),
    Case("numeric(12,3)", ("NaN", "0.000", "-999999999.999", "1.5")),
    Case("numeric(3,-2)", ("12300", "-99900"), since=15),
    Case("real", FLOATS),
    Case("double precision", DOUBLES),
    Case("boolean", ("true", "false")),
    Case("text", TEXTS),
    Case("character varying(40)", TEXTS[:16]),
    Case("character(12)", ("", "a", "a b", "é", "x           ")),
    Case('"char"', ("a", "", "\\001")),
    Case("name", ("", "a_name", "Ünïcode")),
    Case("bytea", ("", "\\x00", "\\x5c78", "\\xdeadbeef", "\\x" + "00ff" * 4000)),
    Case("uuid", ("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff")),
    Case("date", (*TIMES[:5], "5874897-12-31")),
    Case("time", ("00:00:00", "24:00:00", "23:59:59.999999")),
    Case("time(2)", ("12:34:56.78",)),
    Case("time with time zone", ("00:00:00+15:59:59", "24:00:00-15:59:59", "12:00:00.5+00")),
    Case("timestamp", MOMENTS),
    Case("timestamp(3)", ("2024-01-01 00:00:00.123", "infinity")),
    Case("timestamp with time zone", tuple(f"{m}+00" if m[-1].isdigit() else m for m in MOMENTS if "BC" not in m)),
    Case("timestamp(0) with time zone", ("2024-01-01 00:00:01+05:30", "-infinity")),
    Case("interval", ("0", "1 mon -1 day 24:00:00", "-178000000 years", "1 day", "24 hours", "P1Y2M3DT4H5M6.789S")),
    Case("interval day to second", ("3 days 04:05:06.7",)),
    Case("json", JSON),
    Case("jsonb", JSONB),
    Case("jsonpath", ("$", "strict $.a[*] ? (@.b > 1)", '$."a b"')),
    Case("inet", ("0.0.0.0", "10.1.2.3/8", "::1", "2001:db8::/32", "255.255.255.255")),
    Case("cidr", ("10.0.0.0/8", "::/0")),
    Case("macaddr", ("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff")),
    Case("macaddr8", ("08:00:2b:01:02:03:04:05",)),
    Case("bit(5)", ("00000", "10101")),
    Case("bit varying", ("", "1", "0" * 100)),
    Case("point", ("(0,-0)", "(NaN,Infinity)", "(1e-300,1e300)")),
    Case("line", ("{1,-1,0}",)),
    Case("lseg", ("[(0,0),(1,1)]",)),
    Case("box", ("(1,1),(0,0)", "(-1.5,2),(3,-4)")),
    Case("path", ("[(0,0),(1,1)]", "((0,0),(1,1),(2,0))")),
    Case("polygon", ("((0,0),(1,1),(2,0))",)),
    Case("circle", ("<(0,0),0>", "<(1.5,-2),3>")),
    Case("tsvector", ("", "'a':1A,2B 'b c':3", "'it''s'")),
    Case("tsquery", ("'a' & !'b' <-> 'c':*A",)),
    Case("pg_lsn", ("0/0", "FFFFFFFF/FFFFFFFF")),
    Case("oid", ("0", "4294967295")),
    Case("int4range", ("empty", "[1,5)", "(,)", "(,3]")),
    Case("int8range", ("[9223372036854775806,9223372036854775807)", "empty")),
    Case("numrange", ("[1.0,1.00]", "(NaN,NaN]", "[0.5,)")),
    Case("daterange", ("[infinity,)", "[2024-01-01,2024-02-01)")),
    Case("tsrange", ('["2024-01-01 00:00:00",infinity]', "empty")),
    Case("tstzrange", ('["2024-01-01 00:00:00+00","2024-01-02 00:00:00+00")',)),
    Case("int4multirange", ("{}", "{[1,2),[5,)}")),
    Case("nummultirange", ("{[1.0,1.50],(2,3)}",)),
    Case("datemultirange", ("{[2024-01-01,2024-02-01)}",)),
    Case("tsmultirange", ('{["2024-01-01 00:00:00","2024-01-02 00:00:00")}',)),
    Case("tstzmultirange", ('{["2024-01-01 00:00:00+00",)}', "{}")),
    Case("int8multirange", ("{(,)}",)),
    Case("integer[]", ("{}", "{NULL}", "{1,NULL,3}", "{{1,2},{3,NULL}}", "[0:1]={7,8}", "[-2:-1][5:5]={{1},{2}}")),
    Case("smallint[]", ("{-32768,32767}",)),
    Case("bigint[]", ("{9223372036854775807}",)),
    Case("numeric[]", ("{NaN,1.0,1.00,NULL,Infinity}",)),
    Case("numeric(5,2)[]", ("{1.50,-999.99}",)),
    Case("real[]", ("{NaN,-0,Infinity,1e-45}", "{}", "{{1},{2}}")),
    Case("double precision[]", ("{NaN,-0,5e-324}",)),
    Case("text[]", ("{}", '{NULL,"NULL",""}', '{"a,b","c\\"d","{e}","\\\\"}', '{{a,b},{"",NULL}}')),
    Case("character varying(9)[]", ("{a,NULL}",)),
    Case("boolean[]", ("{t,f,NULL}",)),
    Case("uuid[]", ("{}", "{00000000-0000-0000-0000-000000000000,NULL}")),
    Case("jsonb[]", ('{"{\\"a\\": 1.0}",NULL,"null"}',)),
    Case("json[]", ('{"{\\"a\\":  1.0}",NULL}',)),
    Case("bytea[]", ('{"\\\\x00",NULL,"\\\\x5c"}',)),
    Case("date[]", ("{infinity,NULL}",)),
    Case("timestamp[]", ('{"2024-01-01 00:00:00",-infinity}',)),
    Case("timestamp with time zone[]", ('{"2024-01-01 00:00:00+00",NULL}',)),
    Case("interval[]", ('{"1 mon","24:00:00"}',)),
    Case("inet[]", ("{10.1.2.3/8,::1}",)),
    Case("point[]", ('{"(1,2)","(NaN,0)"}',)),
    Case("box[]", ("{(1,1),(0,0);(2,2),(1,1)}",)),
    Case("bit(3)[]", ("{101,NULL}",)),
    Case("tsvector[]", ("{\"'a':1\",NULL}",)),
    Case("int4range[]", ('{"[1,5)",empty,NULL}',)),
    Case("mood", ("happy", 'it\'s "so"', "ünhappy")),
    Case("mood[]", ('{happy,NULL,"it\'s \\"so\\""}', "{}")),
    Case("evens", ("2", "-4")),
    Case("evens[]", ("{2,NULL,4}",)),
    Case("tags", ("{a,b}", "{}")),
    Case("address_code", ("AB-1",)),
)
TYPES = """
CREATE TYPE mood AS ENUM ('happy', 'it''s "so"', 'ünhappy', 'unused');
CREATE DOMAIN evens AS integer CHECK (VALUE % 2 = 0);
CREATE DOMAIN tags AS text[] NOT NULL DEFAULT '{}';
CREATE DOMAIN code_base AS varchar(10) CONSTRAINT "no % blank" CHECK (VALUE <> '');
CREATE DOMAIN address_code AS code_base CHECK (VALUE LIKE '%-%');
"""
# Refused in the plan: nothing could verify them, or no target has them.
REFUSED = (
    "money", "xid", "xid8", "cid", "tid", "regclass", "regproc", "regtype", "regnamespace", "pg_snapshot",
    "txid_snapshot", "int2vector", "oidvector", "refcursor", "aclitem", "money[]", "regclass[]", "shape", "shape[]",
    "float_range",    "shape_list", "app.feeling", "citext[]", "hstore",
)  # fmt: skip
REFUSED_TYPES = """
CREATE TYPE shape AS (sides int, name text);
CREATE DOMAIN shape_list AS shape[];
CREATE TYPE float_range AS RANGE (subtype = float8);
CREATE SCHEMA app; CREATE TYPE app.feeling AS ENUM ('blue');
CREATE EXTENSION citext; CREATE EXTENSION hstore;
"""
NAMES = (
    "select", "user", "Order", "100%", "per%sent", "%(x)s", "dot.ted", "sch.em.a", 'quo"ted', "it's", "two  spaces",
    "ünï☃", "semi;colon", "back\\slash", "new\nline", "UPPER", "a" * 63, "{brace}", "-- comment", "$1", "tab\tle",
)  # fmt: skip
