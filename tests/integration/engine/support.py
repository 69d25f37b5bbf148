"""What the engine's tests share: endpoints on real servers, sources to move, a plain reading of both ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import psycopg

from migration.engine import building, make_plan, run_plan
from migration.engine import run as engine_run
from migration.engine.model import Decisions, Endpoint, Event, Outcome, Plan, Progress, RunOptions
from migration.prepare import prepare_schema
from tiers.config import LocalQueue, Memory, PostgresStorage, ResolvedConfig, Tier

CAMEL = """
CREATE TYPE task_status AS ENUM ('todo', 'not-started', 'done');
CREATE TABLE users (id serial PRIMARY KEY, email varchar(200) NOT NULL, "displayName" text NOT NULL, password_hash text,
  "createdAt" timestamp NOT NULL DEFAULT now(), "isActive" boolean NOT NULL DEFAULT true);
CREATE TABLE teams (id text PRIMARY KEY, name text NOT NULL, slug text NOT NULL);
CREATE TABLE "teamMembers" (id uuid PRIMARY KEY, "teamId" text NOT NULL REFERENCES teams(id),
  "userId" int NOT NULL REFERENCES users(id));
CREATE TABLE tasks (id uuid PRIMARY KEY, "ownerID" int NOT NULL REFERENCES users(id),
  "teamId" text REFERENCES teams(id), "parentTaskId" uuid REFERENCES tasks(id),
  title varchar(500) NOT NULL, status task_status NOT NULL,
  "dueAt" timestamptz, position double precision NOT NULL DEFAULT 0, labels jsonb NOT NULL DEFAULT '[]',
  metadata json NOT NULL DEFAULT '{}', colour text);
CREATE TABLE insights (id uuid PRIMARY KEY, "ownerId" int NOT NULL REFERENCES users(id), content text NOT NULL,
  embedding real[], confidence real);
CREATE TABLE agents (id bigserial PRIMARY KEY, "ownerId" int REFERENCES users(id), name text NOT NULL UNIQUE,
  mood task_status, config json, "apiToken" text);
CREATE INDEX agents_owner ON agents ("ownerId");
CREATE TABLE sessions (id text PRIMARY KEY, token text);
CREATE TABLE "__drizzle_migrations" (id int);
INSERT INTO users (email, "displayName", password_hash)
  SELECT 'U' || n || '@example.org', E'Zoë "quoted" \\\\ tab\\t line\\n' || n, 'canary-hash'
    FROM generate_series(1, 40) n;
INSERT INTO teams VALUES ('core', 'Core', 'core'), ('8e5b1f6e-54a1-4d6c-8a56-0f8a3f3ed001', 'With a uuid', 'uuid'),
  ('naïve ☃', 'Unicode', 'u');
INSERT INTO "teamMembers" SELECT gen_random_uuid(), t.id, u.id FROM teams t, users u WHERE u.id < 9;
INSERT INTO tasks SELECT gen_random_uuid(), 1 + n % 40, (ARRAY['core', 'naïve ☃', NULL])[1 + n % 3], NULL,
  E'Task ☃ "x" \\\\N ' || n, (ARRAY['todo', 'not-started', 'done'])[1 + n % 3]::task_status,
  CASE WHEN n % 2 = 0 THEN now() - n * interval '1 hour' END, n / 7.0, '["a", "b\\"c", "ü"]',
  '{"k": [1, 1.50, null, "\\\\u2603"]}', 'red' FROM generate_series(1, 900) n;
UPDATE tasks SET "parentTaskId" = (SELECT id FROM tasks ORDER BY id LIMIT 1) WHERE position > 100;
INSERT INTO insights SELECT gen_random_uuid(), 1 + n % 40, 'fact ' || n, CASE WHEN n % 5 > 0 THEN
  ARRAY[random(), n / 3.0, -1e-7, 3e20]::real[] END, 0.5 FROM generate_series(1, 200) n;
INSERT INTO agents ("ownerId", name, mood, config, "apiToken")
  SELECT 1 + n % 40, 'agent ' || n, 'done', '{"b":1,  "a":2}', 'canary-token' FROM generate_series(1, 300) n;
INSERT INTO sessions VALUES ('s', 'canary-session');
"""
CAMEL_DECISIONS = Decisions(
    carry_tables=("agents",),
    carry_columns=("tasks.colour",),
    map_values={"tasks.status:not-started": "todo"},
)

SNAKE_ROWS = """
INSERT INTO users (email, display_name) SELECT 'u' || n || '@example.org', 'User ' || n FROM generate_series(1, 200) n;
INSERT INTO teams (name, slug) SELECT 'Team ' || n, 't' || n FROM generate_series(1, 20) n;
INSERT INTO tasks (owner_id, title, labels, metadata, position)
  SELECT (SELECT id FROM users ORDER BY email LIMIT 1), 'Task ' || n, ARRAY['a', 'b,"c'], '{"n": 1.0}', n / 3.0
    FROM generate_series(1, %(rows)s) n;
INSERT INTO conversations (owner_id, title) SELECT id, 'About ' || email FROM users;
INSERT INTO messages (conversation_id, seq, content)
  SELECT c.id, n, repeat('ünïcode ' || n, 20) FROM conversations c, generate_series(1, %(rows)s / 100) n;
INSERT INTO insights (owner_id, content, embedding, embedding_dim)
  SELECT (SELECT id FROM users ORDER BY email LIMIT 1), 'fact', ARRAY[n, n / 3.0, 1]::real[], 3
    FROM generate_series(1, %(rows)s / 10) n;
"""


def endpoint(url: str, tier: Tier, label: str = "") -> Endpoint:
    storage = PostgresStorage(url, enable_vector=tier is Tier.FEDERATED)
    memory = Memory("pgvector" if tier is Tier.FEDERATED else "keyword")
    return Endpoint(ResolvedConfig(tier, storage, LocalQueue(), memory), label or tier.value)


def source_at(url: str) -> Endpoint:
    return endpoint(url, Tier.STANDALONE)


def target_at(url: str) -> Endpoint:
    return endpoint(url, Tier.FEDERATED)


def load(url: str, script: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(script)  # type: ignore[arg-type]


def make_snake(url: str, rows: int = 1_000) -> None:
    prepare_schema(source_at(url))
    load(url, SNAKE_ROWS % {"rows": rows})


def scalar(url: str, query: str) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query).fetchone()  # type: ignore[arg-type]
    return row[0] if row else None


def state_of(url: str) -> dict[str, str]:
    """Return a fingerprint of everything in schema public: the rows of each table, its columns, indexes and keys."""
    found = {}
    with psycopg.connect(url, autocommit=True) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
        for (table,) in tables:
            if table == "django_migrations":
                continue
            rows = "count(*) || ':' || coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '')"
            row = connection.execute(f'SELECT {rows} FROM "{table}" t').fetchone()
            found[table] = row[0] if row else ""
        objects = """
            SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
            UNION ALL SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) || convalidated
              FROM pg_constraint WHERE connamespace = 'public'::regnamespace
            UNION ALL SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || coalesce(column_default, '')
              FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1"""
        found["catalog"] = "\n".join(row[0] for row in connection.execute(objects).fetchall())
    return found


@dataclass
class Follower:
    """A control that can stop a run at a moment, and a sink that keeps what it was told."""

    stop_with: BaseException | None = None
    stop_when: Any = None
    seen: list[Progress] = field(default_factory=list)
    events: list[str] = field(default_factory=list)

    def check(self) -> None:
        if self.stop_with is not None and self.stop_when(self):
            raise self.stop_with

    def progress(self, progress: Progress) -> None:
        self.seen.append(progress)

    def event(self, event: Event) -> None:
        self.events.append(event.message)


def take_all_for_large(put: Callable[[object, str, object], None], *, tidy_bytes: int) -> None:
    """Let runs treat every table as one that the target's memory does not hold; `put` is a setattr."""
    put(engine_run, "large_tables", lambda target, plan: frozenset(table.name for table in plan.copied_tables))
    put(building, "TIDY_BYTES", tidy_bytes)


def run(plan: Plan, source: Endpoint, target: Endpoint, follower: Follower | None = None, **options: Any) -> Outcome:
    follower = follower or Follower()
    return run_plan(
        plan,
        source,
        target,
        run_id=uuid4(),
        options=RunOptions(**options),
        control=follower,
        sink=follower,
        prepare_schema=prepare_schema,
    )


def migrate(source_url: str, target_url: str, decisions: Decisions | None = None, **options: Any) -> Outcome:
    source, target = source_at(source_url), target_at(target_url)
    return run(make_plan(source, target, decisions or Decisions()), source, target, **options)
