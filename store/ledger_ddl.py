"""The ledger's tables, version 1. Every NOT NULL column beyond the keys has a default: writers name what they know."""

from __future__ import annotations

SCHEMA = "mosaic_migration"
LEDGER_VERSION = 1
RUN_STATES = ("preparing", "copying", "loaded", "verified", "failed", "cancelled")
TABLE_STATES = ("waiting", "copying", "copied")
DDL_KINDS = ("index", "foreign_key", "unique", "check", "column")
DDL_STATES = ("present", "dropped", "rebuilt")


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"CHECK ({column} IN ({', '.join(repr(value) for value in values)}))"


_RUN_KEY = f"run_id uuid NOT NULL REFERENCES {SCHEMA}.run ON DELETE CASCADE"

STATEMENTS = (
    f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}",
    f"""
    CREATE TABLE {SCHEMA}.run (
        run_id uuid PRIMARY KEY,
        ledger_version int NOT NULL DEFAULT {LEDGER_VERSION},
        epoch bigint NOT NULL DEFAULT 0,
        state text NOT NULL DEFAULT 'preparing' {_one_of("state", RUN_STATES)},
        phase text NOT NULL DEFAULT 'prepare',
        source_system text NOT NULL DEFAULT '',
        source_database text NOT NULL DEFAULT '',
        source_label text NOT NULL DEFAULT '',
        target_system text NOT NULL DEFAULT '',
        target_database text NOT NULL DEFAULT '',
        plan_hash text NOT NULL DEFAULT '',
        plan jsonb NOT NULL DEFAULT '{{}}',
        holder text NOT NULL DEFAULT '',
        job_number bigint,
        engine_version text NOT NULL DEFAULT '',
        snapshot_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        finished_at timestamptz,
        verified_at timestamptz,
        first_write_at timestamptz
    )
    """,
    f"COMMENT ON TABLE {SCHEMA}.run IS 'ledger_version={LEDGER_VERSION}'",
    # one run per target, held by the database: two engines cannot both believe that the target is theirs
    f"CREATE UNIQUE INDEX run_one_per_target ON {SCHEMA}.run ((true)) WHERE state <> 'cancelled'",
    f"""
    CREATE TABLE {SCHEMA}.table_run (
        {_RUN_KEY},
        table_name text NOT NULL,
        ordinal int NOT NULL DEFAULT 0,
        source_table text NOT NULL DEFAULT '',
        decision text NOT NULL DEFAULT 'migrate',
        state text NOT NULL DEFAULT 'waiting' {_one_of("state", TABLE_STATES)},
        key_columns text[] NOT NULL DEFAULT '{{}}',
        chunk_column text,
        rows_planned bigint NOT NULL DEFAULT 0,
        bytes_planned bigint NOT NULL DEFAULT 0,
        rows_done bigint NOT NULL DEFAULT 0,
        bytes_done bigint NOT NULL DEFAULT 0,
        started_at timestamptz,
        finished_at timestamptz,
        PRIMARY KEY (run_id, table_name)
    )
    """,
    f"""
    CREATE TABLE {SCHEMA}.chunk (
        {_RUN_KEY},
        table_name text NOT NULL,
        number int NOT NULL,
        lower text,
        upper text,
        state text NOT NULL DEFAULT 'waiting',
        rows bigint NOT NULL DEFAULT 0,
        bytes bigint NOT NULL DEFAULT 0,
        digest text,
        epoch bigint,
        finished_at timestamptz,
        PRIMARY KEY (run_id, table_name, number)
    )
    """,
    f"""
    CREATE TABLE {SCHEMA}.ddl (
        {_RUN_KEY},
        table_name text NOT NULL,
        kind text NOT NULL {_one_of("kind", DDL_KINDS)},
        name text NOT NULL,
        definition text NOT NULL,
        ordinal int NOT NULL DEFAULT 0,
        state text NOT NULL DEFAULT 'present' {_one_of("state", DDL_STATES)},
        PRIMARY KEY (run_id, table_name, kind, name)
    )
    """,
    f"""
    CREATE TABLE {SCHEMA}.sequence (
        {_RUN_KEY},
        name text NOT NULL,
        last_value bigint,
        is_called boolean NOT NULL DEFAULT false,
        PRIMARY KEY (run_id, name)
    )
    """,
    f"""
    CREATE TABLE {SCHEMA}.reject (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        {_RUN_KEY},
        table_name text NOT NULL,
        row_key text,
        reason text NOT NULL,
        sqlstate text,
        rejected_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    f"CREATE INDEX reject_run_table ON {SCHEMA}.reject (run_id, table_name)",
    f"""
    CREATE TABLE {SCHEMA}.verification (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        {_RUN_KEY},
        table_name text NOT NULL,
        mode text NOT NULL,
        source_rows bigint,
        target_rows bigint,
        source_sum text,
        target_sum text,
        is_equal boolean NOT NULL,
        differing_keys jsonb NOT NULL DEFAULT '[]',
        at timestamptz NOT NULL DEFAULT now()
    )
    """,
    f"CREATE INDEX verification_run_table ON {SCHEMA}.verification (run_id, table_name)",
)
