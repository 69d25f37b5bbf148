"""The statements behind the sample data. The server makes the rows: nothing but numbers and word lists crosses the wire.

Every value is a function of (seed, table, row number), so the same call gives the same rows on any server.
"""

from __future__ import annotations

from dataclasses import dataclass

from store.seed_text import SCRIPT_LINES

# Each body is immutable part by part, or the server would call it instead of inlining it, which takes twice as long.
# h: a hash below 2^31 of a row and a column number · pick: one of a list · uid: the uuid of row i of table k
FUNCTIONS = """
CREATE OR REPLACE FUNCTION pg_temp.h(i bigint, k int) RETURNS bigint LANGUAGE sql IMMUTABLE AS
  'SELECT hashint8extended($1, {seed}::bigint * 1000 + $2) & 2147483647';
CREATE OR REPLACE FUNCTION pg_temp.pick(i bigint, k int, list text[]) RETURNS text LANGUAGE sql IMMUTABLE AS
  'SELECT $3[1 + mod(hashint8extended($1, {seed}::bigint * 1000 + $2) & 2147483647, cardinality($3))]';
CREATE OR REPLACE FUNCTION pg_temp.uid(k text, i bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
  'SELECT md5(''{seed}:'' || $1 || '':'' || $2::text)::uuid';
CREATE OR REPLACE FUNCTION pg_temp.moment(i bigint, k int) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS
  'SELECT to_timestamp(1762156800 + mod(hashint8extended($1, {seed}::bigint * 1000 + $2) & 2147483647, 31000000))'
"""
# a text of n sentences, different for each row
PROSE = "(SELECT string_agg(pg_temp.pick(i * 31 + s, {k}, %(sentences)s::text[]), ' ') FROM generate_series(1, {n}) s)"

# tables of the install's own and tables that a migration skips: in the sample store because real stores have them
EXTRA_TABLES = """
CREATE TYPE agent_kind AS ENUM ('assistant', 'watcher', 'scheduled');
CREATE TABLE agents (
  id bigserial PRIMARY KEY, owner_id uuid NOT NULL REFERENCES users, name text NOT NULL, slug text NOT NULL UNIQUE,
  kind agent_kind NOT NULL DEFAULT 'assistant', settings jsonb NOT NULL DEFAULT '{}', is_enabled boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX agents_owner ON agents (owner_id);
CREATE TABLE preferences (
  user_id uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE, theme text NOT NULL DEFAULT 'system', settings jsonb NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE sessions (
  id text PRIMARY KEY, user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE, token text NOT NULL UNIQUE,
  ip_address text, user_agent text, expires_at timestamptz NOT NULL, created_at timestamptz NOT NULL);
CREATE TABLE accounts (
  id text PRIMARY KEY, user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE, provider text NOT NULL,
  password_hash text, refresh_token text, created_at timestamptz NOT NULL);
CREATE TABLE verification_tokens (
  identifier text NOT NULL, token text NOT NULL, expires_at timestamptz NOT NULL, PRIMARY KEY (identifier, token));
CREATE TABLE api_keys (
  id uuid PRIMARY KEY, user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE, name text NOT NULL, key_hash text NOT NULL,
  created_at timestamptz NOT NULL);
CREATE TABLE __drizzle_migrations (id serial PRIMARY KEY, hash text NOT NULL, created_at bigint)
"""


@dataclass(frozen=True)
class Fill:
    """How one table is filled: its share of all rows in thousandths, and the statement for rows `lo` to `hi`."""

    table: str
    share: int
    columns: str
    select: str

    @property
    def statement(self) -> str:
        return (
            f"INSERT INTO {self.table} ({self.columns}) SELECT {self.select} "  # noqa: S608  # fixed texts of this module
            "FROM generate_series(%(lo)s::bigint, %(hi)s::bigint) AS i ORDER BY i"
        )


def _one(table: str, salt: int) -> str:
    return f"pg_temp.uid('{table}', mod(pg_temp.h(i, {salt}), %(n_{table})s))"


def _maybe(table: str, salt: int, percent: int) -> str:
    return f"CASE WHEN mod(pg_temp.h(i, {salt + 500}), 100) < {percent} THEN {_one(table, salt)} END"


def _weighted(salt: int, *words: str) -> str:
    listed = ", ".join(f"'{word}'" for word in words)
    return f"pg_temp.pick(i, {salt}, ARRAY[{listed}])"


def _times(salt: int) -> str:
    return (
        f"pg_temp.moment(i, {salt}), pg_temp.moment(i, {salt}) + make_interval(mins => mod(pg_temp.h(i, 9), 9000)::int), "
        f"CASE WHEN mod(pg_temp.h(i, 8), 50) = 0 THEN pg_temp.moment(i, {salt}) + interval '8 days' END"
    )


def _prose(salt: int, low: int, spread: int) -> str:
    return PROSE.format(k=salt, n=f"{low} + mod(pg_temp.h(i, {salt}), {spread})::int")


_ROW = "id, created_at, updated_at, deleted_at"
_LABELS = (
    "CASE mod(pg_temp.h(i, 40), 3) WHEN 0 THEN '{}'::text[] WHEN 1 THEN ARRAY[pg_temp.pick(i, 41, %(labels)s::text[])] "
    "ELSE ARRAY[pg_temp.pick(i, 42, %(labels)s::text[]), pg_temp.pick(i, 43, %(labels)s::text[])] END"
)
_VISIBILITY = _weighted(44, "private", "team", "team", "project")
_NAME = "pg_temp.pick(i, 1, %(first_names)s::text[]), pg_temp.pick(i, 2, %(last_names)s::text[])"
_ADDRESS = f"lower(concat_ws('.', {_NAME}))"
_TITLE = "concat_ws(' ', pg_temp.pick(i, 20, %(verbs)s::text[]), pg_temp.pick(i, 21, %(objects)s::text[]))"
_SCOPE = f"{_one('users', 50)}, {_maybe('teams', 51, 60)}, {_maybe('projects', 52, 55)}"
# message i belongs to conversation i / n: consecutive rows are one conversation, whose topic chooses the script
_CONVERSATION = "i / %(per_conversation)s"
_SEQ = "mod(i, %(per_conversation)s)"
_SCRIPT = (
    f"(%(script)s::text[])[1 + mod(pg_temp.h({_CONVERSATION}, 60), cardinality(%(topics)s::text[])) * {SCRIPT_LINES} "
    f"+ mod({_SEQ}, {SCRIPT_LINES})]"
)
_EMBEDDING = (
    "CASE WHEN mod(i, 4) = 0 THEN (SELECT array_agg(((hashint8extended(i * 1024 + d, %(seed)s) & 65535) - 32768)::real "
    "/ 65536 ORDER BY d) FROM generate_series(1, 384) d) END"
)

FILLS = (
    Fill(
        "users",
        10,
        f"{_ROW}, email, display_name, handle, role, timezone, locale, is_active",
        f"pg_temp.uid('users', i), {_times(3)}, {_ADDRESS} || i || '@example.org', concat_ws(' ', {_NAME}), "
        f"{_ADDRESS} || i, CASE i WHEN 0 THEN 'owner' ELSE {_weighted(4, *['member'] * 8, 'admin', 'guest')} END, "
        "pg_temp.pick(i, 5, %(timezones)s::text[]), pg_temp.pick(i, 6, %(locales)s::text[]), mod(pg_temp.h(i, 7), 20) > 0",
    ),
    Fill(
        "teams",
        1,
        f"{_ROW}, name, slug, description",
        f"pg_temp.uid('teams', i), {_times(10)}, concat_ws(' ', pg_temp.pick(i, 11, %(teams)s::text[]), "
        "pg_temp.pick(i, 12, %(areas)s::text[])), lower(replace(concat_ws('-', pg_temp.pick(i, 11, %(teams)s::text[]), "
        f"pg_temp.pick(i, 12, %(areas)s::text[]), i), ' ', '-')), {_prose(13, 1, 2)}",
    ),
    Fill(
        "team_members",
        15,
        f"{_ROW}, team_id, user_id, role, joined_at",
        f"pg_temp.uid('team_members', i), {_times(14)}, {_one('teams', 15)}, "
        f"pg_temp.uid('users', mod(i, %(n_users)s)), {_weighted(16, 'member', 'member', 'member', 'lead', 'viewer')}, "
        "pg_temp.moment(i, 14)",
    ),
    Fill(
        "projects",
        5,
        f"{_ROW}, team_id, owner_id, name, slug, description, status",
        f"pg_temp.uid('projects', i), {_times(17)}, {_maybe('teams', 18, 80)}, {_one('users', 19)}, "
        "concat_ws(' ', pg_temp.pick(i, 22, %(projects)s::text[]), pg_temp.pick(i, 23, %(areas)s::text[])), "
        f"'project-' || i, {_prose(24, 1, 3)}, {_weighted(25, 'active', 'active', 'active', 'paused', 'done', 'archived')}",
    ),
    Fill(
        "tasks",
        220,
        f"{_ROW}, owner_id, team_id, project_id, assignee_id, parent_task_id, title, description, status, priority, "
        "due_at, completed_at, position, labels, visibility, metadata",
        f"pg_temp.uid('tasks', i), {_times(26)}, {_SCOPE}, {_maybe('users', 27, 70)}, "
        "CASE WHEN i > 0 AND mod(pg_temp.h(i, 28), 6) = 0 THEN pg_temp.uid('tasks', mod(pg_temp.h(i, 29), i)) END, "
        f"{_TITLE}, {_prose(30, 1, 6)}, {_weighted(31, 'todo', 'todo', 'in_progress', 'blocked', 'done', 'done', 'cancelled')}, "
        f"{_weighted(32, 'low', 'medium', 'medium', 'high', 'urgent')}, "
        "CASE WHEN mod(pg_temp.h(i, 33), 3) > 0 THEN pg_temp.moment(i, 26) + interval '14 days' END, "
        "CASE WHEN mod(pg_temp.h(i, 34), 4) = 0 THEN pg_temp.moment(i, 26) + interval '9 days' END, "
        f"i * 1024 + 0.5, {_LABELS}, {_VISIBILITY}, "
        "jsonb_build_object('estimate_h', mod(pg_temp.h(i, 35), 40), 'source', 'board', 'watchers', mod(pg_temp.h(i, 36), 5))",
    ),
    Fill(
        "notes",
        120,
        f"{_ROW}, owner_id, team_id, project_id, title, body, body_format, labels, pinned, visibility",
        f"pg_temp.uid('notes', i), {_times(37)}, {_SCOPE}, 'Notes: ' || pg_temp.pick(i, 21, %(objects)s::text[]), "
        f"'## Summary' || chr(10) || chr(10) || {_prose(38, 4, 12)}, {_weighted(39, 'markdown', 'markdown', 'plain')}, "
        f"{_LABELS}, mod(pg_temp.h(i, 45), 12) = 0, {_VISIBILITY}",
    ),
    Fill(
        "conversations",
        78,  # about six messages each: one script
        f"{_ROW}, owner_id, team_id, project_id, title, model, status, last_message_at, visibility",
        f"pg_temp.uid('conversations', i), {_times(46)}, {_SCOPE}, (%(topics)s::text[])"
        "[1 + mod(pg_temp.h(i, 60), cardinality(%(topics)s::text[]))], pg_temp.pick(i, 47, %(models)s::text[]), "
        f"{_weighted(48, 'open', 'open', 'archived')}, pg_temp.moment(i, 46) + interval '40 minutes', {_VISIBILITY}",
    ),
    Fill(
        "messages",
        0,  # the rest
        f"{_ROW}, conversation_id, seq, role, author_id, content, token_count, metadata",
        f"pg_temp.uid('messages', i), pg_temp.moment({_CONVERSATION}, 46) + make_interval(mins => ({_SEQ})::int), "
        f"pg_temp.moment({_CONVERSATION}, 46) + make_interval(mins => ({_SEQ})::int), NULL, "
        f"pg_temp.uid('conversations', {_CONVERSATION}), ({_SEQ})::int + 1, "
        f"CASE mod({_SEQ}, 2) WHEN 0 THEN 'user' ELSE 'assistant' END, "
        f"CASE mod({_SEQ}, 2) WHEN 0 THEN pg_temp.uid('users', mod(pg_temp.h({_CONVERSATION}, 50), %(n_users)s)) END, "
        f"{_SCRIPT} || CASE mod({_SEQ}, 2) WHEN 0 THEN '' ELSE chr(10) || chr(10) || {_prose(61, 3, 9)} END, "
        "20 + mod(pg_temp.h(i, 62), 400)::int, jsonb_build_object('latency_ms', mod(pg_temp.h(i, 63), 4000))",
    ),
    Fill(
        "insights",
        70,
        f"{_ROW}, owner_id, team_id, project_id, kind, content, source_type, source_id, confidence, embedding, "
        "embedding_model, embedding_dim, content_sha256, visibility",
        f"pg_temp.uid('insights', i), {_times(64)}, {_SCOPE}, {_weighted(65, 'fact', 'fact', 'preference', 'decision', 'summary')}, "
        "concat_ws(' ', pg_temp.pick(i, 66, %(insights)s::text[]), pg_temp.pick(i, 67, %(sentences)s::text[])), 'conversation', "
        f"({_one('conversations', 68)})::text, mod(pg_temp.h(i, 69), 1001) / 1000.0, {_EMBEDDING}, "
        "CASE WHEN mod(i, 4) = 0 THEN 'embed-small-384' ELSE '' END, CASE WHEN mod(i, 4) = 0 THEN 384 END, "
        "encode(sha256(convert_to(concat_ws(' ', pg_temp.pick(i, 66, %(insights)s::text[]), "
        f"pg_temp.pick(i, 67, %(sentences)s::text[])), 'UTF8')), 'hex'), {_VISIBILITY}",
    ),
    Fill(
        "agents",
        4,
        "owner_id, name, slug, kind, settings, created_at",
        f"{_one('users', 70)}, pg_temp.pick(i, 71, %(agents)s::text[]), 'agent-' || i, "
        f"({_weighted(72, 'assistant', 'watcher', 'scheduled')})::agent_kind, "
        "jsonb_build_object('model', pg_temp.pick(i, 73, %(models)s::text[]), 'temperature', 0.2), pg_temp.moment(i, 74)",
    ),
    Fill(
        "preferences",
        10,  # one for each user
        "user_id, theme, settings, updated_at",
        f"pg_temp.uid('users', i), {_weighted(75, 'system', 'light', 'dark')}, "
        "jsonb_build_object('density', 'comfortable', 'start_page', 'tasks'), pg_temp.moment(i, 76)",
    ),
    Fill(
        "sessions",
        20,
        "id, user_id, token, ip_address, user_agent, expires_at, created_at",
        f"'sess_' || i, {_one('users', 77)}, 'sample-session-' || md5(%(seed)s || ':s' || i), "
        "'192.0.2.' || mod(pg_temp.h(i, 78), 250), 'Mozilla/5.0', pg_temp.moment(i, 79) + interval '30 days', "
        "pg_temp.moment(i, 79)",
    ),
    Fill(
        "accounts",
        10,  # one for each user
        "id, user_id, provider, password_hash, refresh_token, created_at",
        "'acc_' || i, pg_temp.uid('users', i), 'credential', 'sample-hash-' || md5(%(seed)s || ':p' || i), "
        "'sample-refresh-' || md5(%(seed)s || ':r' || i), pg_temp.moment(i, 80)",
    ),
    Fill(
        "verification_tokens",
        3,
        "identifier, token, expires_at",
        "'user' || i || '@example.org', 'sample-token-' || md5(%(seed)s || ':t' || i), pg_temp.moment(i, 81)",
    ),
    Fill(
        "api_keys",
        3,
        "id, user_id, name, key_hash, created_at",
        f"pg_temp.uid('api_keys', i), {_one('users', 82)}, 'Key ' || i, 'sample-key-' || md5(%(seed)s || ':k' || i), "
        "pg_temp.moment(i, 83)",
    ),
    Fill("__drizzle_migrations", 0, "hash, created_at", "md5('migration' || i), 1762156800000 + i"),
)
