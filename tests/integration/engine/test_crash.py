"""Whatever happens in the middle of a run, at any moment, a resume ends like a run that nobody disturbed.

Twenty kills in the ordinary suite; `MOSAIC_TEST_CRASH_KILLS=200` makes more, `MOSAIC_TEST_CRASH_SEED` repeats them.
"""

from __future__ import annotations

import os
import random
import secrets
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from compose.embedded.process import wait_until
from migration.engine import make_plan
from migration.engine.model import Decisions, OutcomeState, Paused, Phase
from mosaic_admin.codes import ExitCode
from mosaic_admin.errors import MosaicError
from tests.comparator import compare, derive_mapping
from tests.fingerprint import Catalog, catalog_of, compare_catalogs
from tests.integration.engine.conftest import on_server
from tests.integration.engine.crew import Crew
from tests.integration.engine.support import Follower, load, migrate, run, scalar, source_at, state_of, target_at

pytestmark = pytest.mark.crash
KILLS = int(os.environ.get("MOSAIC_TEST_CRASH_KILLS", "20"))
SEED = os.environ.get("MOSAIC_TEST_CRASH_SEED") or secrets.token_hex(4)
OPTIONS: dict[str, Any] = {"chunk_rows": 200}
PHASES = ("prepare", "copy", "sequences", "indexes", "verify", "certificate", "rows:1", "index:1")
STORE = ("users", "teams", "tasks", "conversations", "messages", "insights")
OWN = ("gadgets", "loose", "parted")
# Beside the store: keys of several columns, no key, partitions, an enum, sequences, generated columns, orphans.
MORE = """
CREATE TYPE size AS ENUM ('s', 'l');
CREATE TABLE gadgets (maker text, n serial, size size DEFAULT 's', twice int GENERATED ALWAYS AS (n * 2) STORED,
  owner_id uuid REFERENCES users (id), UNIQUE (n) DEFERRABLE, PRIMARY KEY (maker, n));
INSERT INTO gadgets (maker, owner_id)
  SELECT 'm' || x % 7, u.id FROM generate_series(1, 900) x, (SELECT id FROM users LIMIT 1) u;
CREATE TABLE loose (word text, doc json);
INSERT INTO loose SELECT 'w' || x % 50, '{"x": 1}' FROM generate_series(1, 1500) x;
CREATE TABLE parted (at date, id int, note text, PRIMARY KEY (at, id)) PARTITION BY RANGE (at);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE parted_2 PARTITION OF parted DEFAULT;
INSERT INTO parted SELECT date '2020-06-01' + x, x, 'n' || x FROM generate_series(1, 800) x;
CREATE INDEX parted_note ON parted (note);
ALTER TABLE gadgets ADD CONSTRAINT gadgets_friend FOREIGN KEY (maker, n) REFERENCES gadgets (maker, n);
"""
DECISIONS = Decisions(carry_tables=OWN)


@dataclass(frozen=True)
class Undisturbed:
    """What a run leaves that nobody disturbed, and what it took."""

    source: str
    state: dict[str, str]
    catalog: Catalog
    transactions: int
    seconds: float


@pytest.fixture(scope="module")
def undisturbed(
    plain_postgres: Any, postgres: Any, snake_template: str, crew: Crew, django_db_blocker: Any
) -> Iterator[Undisturbed]:
    source, target = f"crash_{secrets.token_hex(4)}", f"undisturbed_{secrets.token_hex(4)}"
    on_server(plain_postgres, f"CREATE DATABASE {source} TEMPLATE {snake_template}")
    on_server(postgres, f"CREATE DATABASE {target}")
    urls = plain_postgres.url_for(source), postgres.url_for(target)
    load(urls[0], MORE)
    began = time.monotonic()
    result = crew.start(*urls, "never", DECISIONS, **OPTIONS).result()
    took = time.monotonic() - began
    assert result["state"] == "verified"
    assert differences(*urls) == []
    yield Undisturbed(urls[0], state_of(urls[1]), catalog_of(urls[1], schema="public"), result["transactions"], took)
    plain_postgres.start()
    postgres.start()
    on_server(plain_postgres, f"DROP DATABASE {source} WITH (FORCE)")
    on_server(postgres, f"DROP DATABASE {target} WITH (FORCE)")


def differences(source: str, target: str) -> list[Any]:
    mapping = derive_mapping(source, target, tables=[*STORE, *OWN], free=("origin_id",))
    return list(compare(source, target, mapping=mapping))


def assert_undisturbed(target: str, wanted: Undisturbed) -> None:
    """By the store's own reading of both, by the catalog, and by the comparator that shares no code."""
    assert state_of(target) == wanted.state
    assert compare_catalogs(wanted.catalog, catalog_of(target, schema="public")) == []
    assert differences(wanted.source, target) == []
    assert scalar(target, "SELECT count(*) FROM mosaic_migration.ddl WHERE state = 'dropped'") == 0


def resumed(source: str, target: str) -> OutcomeState:
    return migrate(source, target, DECISIONS, **OPTIONS, lease_expired=True).state


def moments(wanted: Undisturbed) -> list[str]:
    """Return the moments to kill at: each phase, then boundaries of transactions and instants in turn."""
    chance = random.Random(SEED)
    found = list(PHASES)
    while len(found) < KILLS:
        found.append(
            chance.choice(
                (
                    f"before:{chance.randint(1, wanted.transactions)}",
                    f"after:{chance.randint(1, wanted.transactions)}",
                    f"late:{chance.uniform(0.05, wanted.seconds):.3f}",
                )
            )
        )
    return found[:KILLS]


@pytest.mark.parametrize("number", range(KILLS))
def test_a_killed_worker_resumes_to_the_same_end(
    number: int, undisturbed: Undisturbed, crew: Crew, postgres: Any, make_database: Any
) -> None:
    moment = moments(undisturbed)[number]
    target = make_database(postgres)
    is_large = number % 2 == 1  # as where tables are larger than the target's memory
    code = crew.start(undisturbed.source, target, moment, DECISIONS, all_large=is_large, **OPTIONS).wait()
    assert code == -signal.SIGKILL or (code == 0 and moment.startswith("late")), moment
    assert resumed(undisturbed.source, target) is OutcomeState.VERIFIED, f"{moment}, seed {SEED}"
    assert_undisturbed(target, undisturbed)


def test_kills_in_a_row_resume_as_well(undisturbed: Undisturbed, crew: Crew, postgres: Any, make_database: Any) -> None:
    target = make_database(postgres)
    for moment in ("rows:2000", "before:30", "after:20", "index:3", "verify"):
        worker = crew.start(undisturbed.source, target, moment, DECISIONS, **OPTIONS, lease_expired=True)
        assert worker.wait() == -signal.SIGKILL, moment
    assert resumed(undisturbed.source, target) is OutcomeState.VERIFIED
    assert_undisturbed(target, undisturbed)


@pytest.mark.parametrize(
    ("end", "phase"),
    [("source", Phase.COPY), ("source", Phase.VERIFY), ("target", Phase.COPY), ("target", Phase.INDEXES)],
)
def test_a_killed_server_is_an_interruption_and_the_run_resumes(
    end: str, phase: Phase, undisturbed: Undisturbed, plain_postgres: Any, postgres: Any, make_database: Any
) -> None:
    target = make_database(postgres)
    server = plain_postgres if end == "source" else postgres

    def kill(follower: Follower) -> bool:
        if follower.seen and follower.seen[-1].phase is phase and "killed" not in follower.events:
            follower.events.append("killed")
            server.kill()
        return False

    ends = source_at(undisturbed.source), target_at(target)
    plan = make_plan(*ends, DECISIONS)
    try:
        with pytest.raises(MosaicError) as caught:
            run(plan, *ends, Follower(Paused(), kill), **OPTIONS)
    finally:
        server.start()
    assert caught.value.exit_code is ExitCode.UNREACHABLE
    assert resumed(undisturbed.source, target) is OutcomeState.VERIFIED
    assert_undisturbed(target, undisturbed)


def test_a_frozen_worker_that_wakes_up_changes_nothing(
    undisturbed: Undisturbed, crew: Crew, postgres: Any, make_database: Any
) -> None:
    target = make_database(postgres)
    frozen = crew.start(undisturbed.source, target, "stop:rows:1500", DECISIONS, **OPTIONS)
    assert wait_until(frozen.is_frozen, 60, step_s=0.05)
    assert resumed(undisturbed.source, target) is OutcomeState.VERIFIED
    frozen.thaw()
    assert frozen.result()["state"].startswith("MOS-")
    assert_undisturbed(target, undisturbed)


def test_of_two_workers_that_race_one_runs_and_the_other_is_refused(
    undisturbed: Undisturbed, crew: Crew, postgres: Any, make_database: Any
) -> None:
    target = make_database(postgres)
    first = crew.start(undisturbed.source, target, "stop:rows:1", DECISIONS, **OPTIONS)
    assert wait_until(first.is_frozen, 60, step_s=0.05)
    second = crew.start(undisturbed.source, target, "never", DECISIONS, **OPTIONS, lock_timeout_s=0.0)
    assert second.result()["state"] == "MOS-STO-001"
    first.thaw()
    assert first.result()["state"] == "verified"
    assert_undisturbed(target, undisturbed)
    assert scalar(target, "SELECT count(*) FROM mosaic_migration.run") == 1
