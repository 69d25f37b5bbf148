-- A small, nasty standalone store whose tables grew over the years: snake_case, camelCase, and team ids that are no uuids. Every id, name and secret in here is made up.
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;

CREATE TYPE agent_kind AS ENUM ('assistant', 'watcher', 'scheduled');

CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email varchar(320) NOT NULL UNIQUE,
    display_name text NOT NULL DEFAULT '',
    handle text NOT NULL DEFAULT '',
    role text NOT NULL DEFAULT 'member',
    timezone text NOT NULL DEFAULT 'UTC',
    locale text NOT NULL DEFAULT 'en',
    is_active boolean NOT NULL DEFAULT true,
    password_hash text, -- a secret inside a table that is migrated: must be refused or dropped, never carried
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);
CREATE TABLE teams (
    id text PRIMARY KEY,
    name text NOT NULL,
    slug text NOT NULL UNIQUE,
    description text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);
CREATE TABLE team_members (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    team_id text NOT NULL REFERENCES teams ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    role text NOT NULL DEFAULT 'member',
    joined_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE projects (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "teamId" text REFERENCES teams,
    "ownerId" uuid NOT NULL REFERENCES users,
    name text NOT NULL,
    slug text NOT NULL,
    description text NOT NULL DEFAULT '',
    status text NOT NULL DEFAULT 'active',
    "createdAt" timestamptz NOT NULL DEFAULT now(),
    "updatedAt" timestamptz NOT NULL DEFAULT now(),
    "deletedAt" timestamptz
);
CREATE TABLE tasks (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "projectId" uuid REFERENCES projects,
    "teamId" text REFERENCES teams,
    "ownerId" uuid NOT NULL REFERENCES users,
    "assigneeId" uuid REFERENCES users,
    "parentTaskId" uuid REFERENCES tasks,
    title varchar(500) NOT NULL,
    description text NOT NULL DEFAULT '',
    status text NOT NULL DEFAULT 'todo',
    priority text NOT NULL DEFAULT 'medium',
    "dueAt" timestamptz,
    "completedAt" timestamptz,
    position numeric NOT NULL DEFAULT 0,
    labels text[] NOT NULL DEFAULT '{}',
    visibility text NOT NULL DEFAULT 'private',
    metadata jsonb NOT NULL DEFAULT '{}',
    "legacyRef" text, -- unknown to the store
    "createdAt" timestamptz NOT NULL DEFAULT now(),
    "updatedAt" timestamptz NOT NULL DEFAULT now(),
    "deletedAt" timestamptz
);
CREATE INDEX tasks_legacy_ref ON tasks ("legacyRef") WHERE "legacyRef" IS NOT NULL;
CREATE TABLE notes (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    owner_id uuid NOT NULL REFERENCES users,
    "teamId" text REFERENCES teams,
    project_id uuid REFERENCES projects,
    title text NOT NULL DEFAULT '',
    body text NOT NULL DEFAULT '',
    "bodyFormat" text NOT NULL DEFAULT 'markdown',
    labels text[] NOT NULL DEFAULT '{}',
    pinned boolean NOT NULL DEFAULT false,
    visibility text NOT NULL DEFAULT 'private',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);
CREATE TABLE conversations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    owner_id uuid NOT NULL REFERENCES users,
    team_id text REFERENCES teams,
    project_id uuid REFERENCES projects,
    title text NOT NULL DEFAULT '',
    model text NOT NULL DEFAULT '',
    status text NOT NULL DEFAULT 'open',
    last_message_at timestamptz,
    visibility text NOT NULL DEFAULT 'private',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);
CREATE TABLE messages (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "conversationId" uuid NOT NULL REFERENCES conversations ON DELETE CASCADE,
    seq integer,
    role text NOT NULL,
    "authorId" uuid REFERENCES users,
    content text NOT NULL,
    "tokenCount" integer,
    metadata jsonb NOT NULL DEFAULT '{}',
    "createdAt" timestamptz NOT NULL DEFAULT now(),
    "updatedAt" timestamptz NOT NULL DEFAULT now(),
    "deletedAt" timestamptz
);
CREATE TABLE insights (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    owner_id uuid NOT NULL REFERENCES users,
    team_id text REFERENCES teams,
    project_id uuid REFERENCES projects,
    kind text NOT NULL DEFAULT 'fact',
    content text NOT NULL DEFAULT '',
    source_type text NOT NULL DEFAULT '',
    source_id text NOT NULL DEFAULT '',
    confidence double precision,
    embedding float4[],
    "embeddingModel" text NOT NULL DEFAULT '',
    "embeddingDim" integer,
    content_sha256 text NOT NULL DEFAULT '',
    visibility text NOT NULL DEFAULT 'private',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);

-- the install's own tables
CREATE TABLE agents (
    id bigserial PRIMARY KEY,
    "ownerId" uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    name text NOT NULL,
    slug text NOT NULL,
    kind agent_kind NOT NULL DEFAULT 'assistant',
    settings jsonb NOT NULL DEFAULT '{}',
    "isEnabled" boolean NOT NULL DEFAULT true,
    "createdAt" timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX agents_slug_lower ON agents (lower(slug));
CREATE INDEX agents_settings ON agents USING gin (settings);
CREATE TABLE skill_runs (
    id bigint GENERATED BY DEFAULT AS IDENTITY (INCREMENT BY 5) PRIMARY KEY,
    agent_id bigint NOT NULL REFERENCES agents,
    skill text NOT NULL CHECK (skill <> ''),
    took interval,
    output bytea,
    ran_on date,
    tags text[] NOT NULL DEFAULT '{}'
);

-- tables that a migration skips: every secret in them is a canary
CREATE TABLE sessions (id text PRIMARY KEY, user_id uuid NOT NULL REFERENCES users, token text NOT NULL, expires_at timestamptz);
CREATE TABLE accounts (id text PRIMARY KEY, user_id uuid NOT NULL REFERENCES users, provider text, password text, refresh_token text);
CREATE TABLE oauth_accounts (id text PRIMARY KEY, user_id uuid NOT NULL REFERENCES users, access_token text);
CREATE TABLE verification_tokens (identifier text NOT NULL, token text NOT NULL, PRIMARY KEY (identifier, token));
CREATE TABLE api_keys (id uuid PRIMARY KEY, user_id uuid NOT NULL REFERENCES users, key_hash text NOT NULL);
CREATE TABLE two_factor (id text PRIMARY KEY, user_id uuid NOT NULL REFERENCES users, secret text, recovery_codes text[]);
CREATE TABLE __drizzle_migrations (id serial PRIMARY KEY, hash text NOT NULL, created_at bigint);
CREATE TABLE audit_log (id bigserial PRIMARY KEY, actor_id uuid, action text NOT NULL, detail jsonb);
CREATE TABLE job_cache (key text PRIMARY KEY, value bytea, expires_at timestamptz);

INSERT INTO users (id, email, display_name, handle, role, timezone, locale, is_active, password_hash, created_at, updated_at, deleted_at) VALUES
('00000000-0000-4000-8000-000000000001', 'Ada.Lovelace@Example.org', 'Ada "the first" O''Lovelace', 'ada', 'owner', 'Europe/London', 'en-GB', true, 'CANARY-users-password-hash-1', '2024-02-29 23:59:59.999999+00', '2024-03-01 00:00:00.000001+00', NULL),
('00000000-0000-4000-8000-000000000002', 'tab	and space@example.org', E'Tab\there, newline\nthere, back\\slash, quote\'', '', 'admin', 'Asia/Kathmandu', 'ne-NP', true, 'CANARY-users-password-hash-2', '2024-06-01 12:00:00+05:45', '2024-06-01 12:00:00.5+05:45', NULL),
('00000000-0000-4000-8000-000000000003', 'rtl@example.org', U&'\0645\0631\062D\0628\0627 \200F\05E9\05DC\05D5\05DD', 'rtl', 'member', 'Asia/Riyadh', 'ar', false, NULL, '1970-01-01 00:00:00+00', '1969-12-31 23:59:59.5+00', '2025-01-01 00:00:00-03:30'),
('00000000-0000-4000-8000-000000000004', 'astral@example.org', U&'\+01F680\+01F469\200D\+01F4BB \+020BB7', 'rocket', 'guest', 'Pacific/Apia', 'sm', true, '', '0001-01-01 00:00:00+00', '9999-12-31 23:59:59.999999+00', NULL),
('ffffffff-ffff-ffff-ffff-ffffffffffff', 'combining@example.org', U&'e\0301 n\0303 zero\200Bwidth \FEFFbom', E'\u00A0', 'member', 'UTC', 'en', true, NULL, '2025-10-26 02:30:00+02', '2025-10-26 02:30:00+01', NULL);

INSERT INTO teams (id, name, slug, description, created_at) VALUES
('clx0a1b2c0001platform', 'Platform', 'platform', E'line one\n\\.\nline three', '2024-01-01 00:00:00+00'),
('clx0a1b2c0002 ''odd'' ünï', '', 'empty-name', '\N', '2024-01-01 00:00:00+00'),
('CLX0A1B2C0001PLATFORM', 'NULL', 'null-word', 'the word NULL and the marker \N are texts', '2024-01-01 00:00:00+00');

INSERT INTO team_members (id, team_id, user_id, role, joined_at) VALUES
('11000000-0000-4000-8000-000000000001', 'clx0a1b2c0001platform', '00000000-0000-4000-8000-000000000001', 'lead', '2024-01-02 03:04:05.678901+00'),
('11000000-0000-4000-8000-000000000002', 'clx0a1b2c0001platform', '00000000-0000-4000-8000-000000000002', 'member', '2024-01-02 03:04:05+00'),
('11000000-0000-4000-8000-000000000003', 'clx0a1b2c0002 ''odd'' ünï', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 'viewer', '2024-01-02 03:04:05+00');

INSERT INTO projects (id, "teamId", "ownerId", name, slug, description, status, "deletedAt") VALUES
('20000000-0000-4000-8000-000000000001', 'clx0a1b2c0001platform', '00000000-0000-4000-8000-000000000001', 'Winter rebalancing', 'winter', '', 'active', NULL),
('20000000-0000-4000-8000-000000000002', NULL, '00000000-0000-4000-8000-000000000004', '50% off; DROP TABLE users; --', 'percent-%s-{}', '{"not": "json"}', 'archived', '2025-02-03 04:05:06+00');

-- a chain of parents, listed child first, so that loading in id order meets a child before its parent
INSERT INTO tasks (id, "projectId", "teamId", "ownerId", "assigneeId", "parentTaskId", title, description, status, priority, "dueAt", "completedAt", position, labels, visibility, metadata, "legacyRef", "createdAt", "deletedAt") VALUES
('30000000-0000-4000-8000-000000000009', NULL, NULL, '00000000-0000-4000-8000-000000000001', NULL, NULL, 'Root of the chain', '', 'todo', 'low', 'infinity', NULL, 0, '{}', 'private', '{}', NULL, '2024-05-05 05:05:05.000005+00', NULL),
('30000000-0000-4000-8000-000000000008', '20000000-0000-4000-8000-000000000001', NULL, '00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002', '30000000-0000-4000-8000-000000000009', 'Child', E'tab\there\nand "quotes", \'single\', back\\slash\r\nCRLF\n\\.\nend', 'in_progress', 'high', '-infinity', NULL, 12345678901234567890.123456789012345678901234567890, ARRAY['plain', 'with,comma', 'with "quote"', 'back\slash', '', NULL, 'NULL', '{brace}'], 'team', '{"a": {"b": [1, 2.50, 1e400, -0, 123456789012345678901234567890]}, "unicode": "\u00e9\ud83d\ude80", "": null}', 'LEG-1', '2024-05-05 05:05:05+00', NULL),
('30000000-0000-4000-8000-000000000007', '20000000-0000-4000-8000-000000000002', 'clx0a1b2c0002 ''odd'' ünï', '00000000-0000-4000-8000-000000000003', NULL, '30000000-0000-4000-8000-000000000008', 'Grandchild', '', 'not-started', 'urgent', '2025-03-30 02:30:00+02', NULL, -0.000000000000000000000000000001, ARRAY[NULL]::text[], 'project', '{"nested": {"deep": {"deeper": {"deepest": [[], {}, ""]}}}}', '', '2024-05-05 05:05:05+00', '2025-05-05 05:05:05+00'),
('30000000-0000-4000-8000-000000000001', NULL, NULL, '00000000-0000-4000-8000-000000000001', NULL, '30000000-0000-4000-8000-000000000007', repeat(U&'\+01F6B2', 500), '', 'done', 'medium', NULL, '2025-01-01 00:00:00+14', 1.0, '{}', 'private', '{"x": 1}', NULL, '2024-05-05 05:05:05+00', NULL),
('30000000-0000-4000-8000-000000000002', NULL, NULL, '00000000-0000-4000-8000-000000000001', NULL, '30000000-0000-4000-8000-000000000002', 'Its own parent', repeat('long text ', 20000), 'cancelled', 'medium', NULL, NULL, 1.00, ARRAY['one'], 'private', '{}', NULL, '2024-05-05 05:05:05+00', NULL);

INSERT INTO notes (id, owner_id, "teamId", project_id, title, body, "bodyFormat", labels, pinned, visibility, created_at) VALUES
('40000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000001', NULL, NULL, '', '', 'plain', '{}', false, 'private', '2024-07-01 00:00:00+00'),
('40000000-0000-4000-8000-000000000002', '00000000-0000-4000-8000-000000000002', 'clx0a1b2c0001platform', '20000000-0000-4000-8000-000000000001', U&'\202Ereversed\202C', E'# Heading\n\n```sql\nSELECT \'\\N\', E\'\\t\', $$dollar$$;\n```\n\\.\n\\\\.\n\x01 control \x7f', 'markdown', ARRAY['a b', E'new\nline', E'tab\t'], true, 'team', '2024-07-01 00:00:00+00');

INSERT INTO conversations (id, owner_id, team_id, project_id, title, model, status, last_message_at, visibility) VALUES
('50000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000001', NULL, NULL, 'Unlock delay', 'sonata-2', 'open', '2025-01-01 10:00:00.000001+00', 'private'),
('50000000-0000-4000-8000-000000000002', '00000000-0000-4000-8000-000000000002', 'clx0a1b2c0001platform', NULL, '', '', 'archived', NULL, 'team');

INSERT INTO messages (id, "conversationId", seq, role, "authorId", content, "tokenCount", metadata, "createdAt") VALUES
('60000000-0000-4000-8000-000000000001', '50000000-0000-4000-8000-000000000001', 1, 'system', NULL, '', 0, '{}', '2025-01-01 10:00:00+00'),
('60000000-0000-4000-8000-000000000002', '50000000-0000-4000-8000-000000000001', 2, 'user', '00000000-0000-4000-8000-000000000001', E'Why?\n\n\\.\n', 3, '{"tool": {"args": "{\"q\": \"\\\\ \\\" \\n\"}"}}', '2025-01-01 10:00:01+00'),
('60000000-0000-4000-8000-000000000003', '50000000-0000-4000-8000-000000000001', 3, 'assistant', NULL, U&'Because \+01F914 \2014 \4F60\597D', 2147483647, '{"n": 0.1, "m": 1E-7, "big": 9007199254740993}', '2025-01-01 10:00:02+00'),
('60000000-0000-4000-8000-000000000004', '50000000-0000-4000-8000-000000000002', NULL, 'tool', NULL, repeat('x', 1000000), NULL, '{}', '2025-01-01 10:00:03+00'),
('60000000-0000-4000-8000-000000000005', '50000000-0000-4000-8000-000000000002', NULL, 'tool', NULL, 'a second one without seq', -1, '{}', '2025-01-01 10:00:03+00');

INSERT INTO insights (id, owner_id, kind, content, source_type, source_id, confidence, embedding, "embeddingModel", "embeddingDim", content_sha256) VALUES
('70000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000001', 'fact', 'three dimensions', 'conversation', '50000000-0000-4000-8000-000000000001', 0, ARRAY[1, -0.1, 3.4028235e38]::float4[], 'tiny-3', 3, ''),
('70000000-0000-4000-8000-000000000002', '00000000-0000-4000-8000-000000000001', 'preference', 'smallest numbers', '', '', 1, ARRAY[1e-45, 1.17549435e-38, -1e-45]::float4[], 'tiny-3', 3, ''),
('70000000-0000-4000-8000-000000000003', '00000000-0000-4000-8000-000000000002', 'decision', 'fifteen hundred dimensions', 'note', '40000000-0000-4000-8000-000000000001', 0.1, (SELECT array_agg((((d * 7919) % 2003) - 1001)::float4 / 1001 ORDER BY d) FROM generate_series(1, 1536) d), 'big-1536', 1536, repeat('0', 64)),
('70000000-0000-4000-8000-000000000004', '00000000-0000-4000-8000-000000000002', 'summary', 'no embedding', '', '', NULL, NULL, '', NULL, '');

INSERT INTO agents (id, "ownerId", name, slug, kind, settings) VALUES
(1, '00000000-0000-4000-8000-000000000001', 'Release scribe', 'Scribe', 'assistant', '{"temperature": 0.20, "tools": ["search", null]}'),
(7, '00000000-0000-4000-8000-000000000002', U&'\+01F916', 'robot', 'scheduled', '{}'),
(9007199254740993, '00000000-0000-4000-8000-000000000003', '', 'huge-id', 'watcher', '[]');
SELECT setval('agents_id_seq', 9007199254740999, true);
INSERT INTO skill_runs (id, agent_id, skill, took, output, ran_on, tags) VALUES
(-5, 1, 'search', '1 mon 2 days 03:04:05.678901', '\x00ff0a0d5c2e', 'infinity', '{}'),
(10, 7, 'write', NULL, '', '2024-02-29', ARRAY[NULL, 'a"b']);
SELECT setval(pg_get_serial_sequence('skill_runs', 'id'), 15, false);

INSERT INTO sessions VALUES ('s1', '00000000-0000-4000-8000-000000000001', 'CANARY-sessions-token', '2030-01-01 00:00:00+00');
INSERT INTO accounts VALUES ('a1', '00000000-0000-4000-8000-000000000001', 'credential', 'CANARY-accounts-password', 'CANARY-accounts-refresh');
INSERT INTO oauth_accounts VALUES ('o1', '00000000-0000-4000-8000-000000000001', 'CANARY-oauth-access');
INSERT INTO verification_tokens VALUES ('ada.lovelace@example.org', 'CANARY-verification-token');
INSERT INTO api_keys VALUES ('80000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000001', 'CANARY-api-key-hash');
INSERT INTO two_factor VALUES ('t1', '00000000-0000-4000-8000-000000000001', 'CANARY-two-factor-secret', ARRAY['CANARY-recovery-code-1', 'CANARY-recovery-code-2']);
INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('0a1b2c', 1704067200000), ('3d4e5f', 1704153600000);
INSERT INTO audit_log (actor_id, action, detail) VALUES ('00000000-0000-4000-8000-000000000001', 'sign-in', '{"token": "CANARY-audit-token"}');
INSERT INTO job_cache VALUES ('k', convert_to('CANARY-job-cache-value', 'UTF8'), NULL);
