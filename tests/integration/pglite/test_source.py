"""PGlite directories as the source of a migration: every generation, every naming, read on private copies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from migration.engine import make_plan, verify
from migration.engine.model import CheckStatus, Decisions, Endpoint, OutcomeState, Paused
from migration.engine.pglite import readable
from mosaic_admin.errors import MosaicError
from tests import sources
from tests.comparator import compare, derive_mapping
from tests.integration.engine.support import Follower, run, target_at
from tests.integration.engine.test_sources import decisions_for
from tests.pglite import MakeDirectory, held_open
from tiers.config import LocalQueue, Memory, PgliteStorage, ResolvedConfig, Tier
from tiers.pglite import codes, copies
from tiers.pglite.copies import copies_folder, private_copy, sweep_copies
from tiers.pglite.directory import DirectoryLock, tree_hash

SOURCES = {
    name: (Path(sources.__file__).parent / f"{name}.sql").read_text(encoding="utf-8") for name in sources.SOURCES
}
REPOSITORY = Path(__file__).resolve().parents[3]


def source_at(directory: Path) -> Endpoint:
    return Endpoint(ResolvedConfig(Tier.LOCAL, PgliteStorage(directory), LocalQueue(), Memory("keyword")), "local")


@pytest.fixture(autouse=True)
def _no_copy_is_left(django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield
    assert not list(copies_folder().glob("[!.]*"))


@pytest.fixture
def target(postgres: Any, make_database: Any) -> str:
    return str(make_database(postgres))


@pytest.mark.parametrize(
    ("generation", "name"), [("0.2", "mixed"), ("0.3", "snake"), ("0.4", "camel"), ("0.5", "mixed")]
)
def test_local_to_federated(generation: str, name: str, make_directory: MakeDirectory, target: str) -> None:
    """Everything arrives equal, and the directory is what it was, to the byte."""
    directory = make_directory(generation, SOURCES[name])
    before = tree_hash(directory)
    source = source_at(directory)
    plan = make_plan(source, target_at(target), decisions_for(name))
    assert tree_hash(directory) == before
    outcome = run(plan, source, target_at(target), chunk_rows=2)
    assert outcome.state is OutcomeState.VERIFIED, outcome.verification
    assert tree_hash(directory) == before

    again = run(make_plan(source, target_at(target), decisions_for(name)), source, target_at(target))
    assert (again.state, again.changed) == (OutcomeState.VERIFIED, False)
    assert verify(plan, source, target_at(target), mode="exact").is_equal
    with readable(source, "mosaic-mig test:1:1") as opened:
        url = str(opened.config.storage.url)  # type: ignore[union-attr]
        mapping = derive_mapping(
            url,
            target,
            tables=[*sources.CANONICAL, *sources.OWN_TABLES],
            text_ids=sources.TEXT_ID_TABLES.get(name, ()),
            values=sources.UNKNOWN_VALUES.get(name),
            free=("origin_id", "updated_at", "created_at", "deleted_at"),
        )
        assert compare(url, target, mapping=mapping) == []


OWN = """
CREATE EXTENSION vector;
CREATE TYPE mood AS ENUM ('calm', 'wild');
CREATE TABLE users (id uuid PRIMARY KEY, email text NOT NULL, "displayName" text NOT NULL);
CREATE TABLE insights (id uuid PRIMARY KEY, "ownerId" uuid NOT NULL REFERENCES users (id), content text NOT NULL,
  embedding vector(3));
CREATE TABLE "Odd Things" (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "ownerId" uuid REFERENCES users (id),
  mood mood NOT NULL, raw bytea, doc jsonb, near vector(4), spans int[]);
INSERT INTO users SELECT md5(n::text)::uuid, 'u' || n || '@example.org', 'Zoë ' || n FROM generate_series(1, 400) n;
INSERT INTO insights SELECT md5('i' || n)::uuid, md5((1 + n % 400)::text)::uuid, repeat('fact ☃ ' || n, 40),
  CASE WHEN n % 3 > 0 THEN ('[' || n || ',0.5,-1e-7]')::vector END FROM generate_series(1, 1500) n;
INSERT INTO "Odd Things" ("ownerId", mood, raw, doc, near, spans)
  SELECT md5(n::text)::uuid, 'wild', decode(md5(n::text), 'hex'), jsonb_build_object('n', n, 'x', 1.50), '[1,2,3,4]',
    ARRAY[n, NULL] FROM generate_series(1, 300) n;
"""
DECISIONS = Decisions(carry_tables=("Odd Things",))


@pytest.mark.parametrize("generation", ["0.2", "0.5"])
def test_vectors_enums_bytes_and_identity_arrive(generation: str, make_directory: MakeDirectory, target: str) -> None:
    source = source_at(make_directory(generation, OWN))
    outcome = run(make_plan(source, target_at(target), DECISIONS), source, target_at(target), verify_mode="exact")
    assert outcome.state is OutcomeState.VERIFIED, outcome.verification
    with psycopg.connect(target, autocommit=True) as connection:
        assert connection.execute("SELECT count(*), count(embedding) FROM insights").fetchone() == (1500, 1000)
        row = connection.execute('SELECT mood, doc::text, near::text, spans FROM "Odd Things" WHERE id = 7').fetchone()
        assert row == ("wild", '{"n": 7, "x": 1.50}', "[1,2,3,4]", [7, None])
        connection.execute("""INSERT INTO "Odd Things" (mood) VALUES ('calm')""")
        assert connection.execute('SELECT max(id) FROM "Odd Things"').fetchone() == (301,)


def test_a_pause_lets_go_and_a_resume_goes_on_around_a_row_that_the_target_refuses(
    make_directory: MakeDirectory, target: str
) -> None:
    long = """
    CREATE TABLE tasks (id uuid PRIMARY KEY, "ownerId" uuid NOT NULL REFERENCES users (id), title text NOT NULL);
    INSERT INTO tasks SELECT md5('t' || n)::uuid, md5('1')::uuid, repeat('x', n) FROM generate_series(300, 501) n;
    """
    directory = make_directory("0.5", OWN, long)
    source, decisions = source_at(directory), replace(DECISIONS, allow_rejects=1)
    plan = make_plan(source, target_at(target), decisions)
    pausing = Follower(Paused(), lambda follower: any(seen.rows_done > 300 for seen in follower.seen))
    with pytest.raises(Paused):
        run(plan, source, target_at(target), pausing, chunk_rows=100)
    with DirectoryLock(directory, "exclusive", "mosaic-gw here:1:1"):
        pass
    outcome = run(make_plan(source, target_at(target), decisions), source, target_at(target), chunk_rows=100)
    assert (outcome.state, outcome.rejects) == (OutcomeState.VERIFIED, 1)
    with psycopg.connect(target) as connection:
        assert connection.execute("SELECT count(*), max(length(title)) FROM tasks").fetchone() == (201, 500)


KILLED = """
import os, sys
from pathlib import Path
import django
django.setup()
from tests.integration.engine.runner import Killer
from tests.integration.engine.support import Follower, run, target_at
from tests.integration.pglite.test_source import DECISIONS, make_plan, source_at
killer = Killer("rows:900")
killer.arm()
source, target = source_at(Path(sys.argv[1])), target_at(sys.argv[2])
run(make_plan(source, target, DECISIONS), source, target, killer, chunk_rows=200)
"""


def test_a_killed_run_leaves_a_copy_that_the_next_start_removes_and_a_resume_ends_equal(
    make_directory: MakeDirectory, target: str
) -> None:
    directory = make_directory("0.5", OWN)
    before = tree_hash(directory)
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "mosaic_admin.settings"}
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, directory, target], env=environment, cwd=REPOSITORY, timeout=120, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    left = list(copies_folder().glob("[!.]*"))
    assert len(left) == 1
    assert left[0].stat().st_mode & 0o077 == 0

    source, follower = source_at(directory), Follower()
    outcome = run(make_plan(source, target_at(target), DECISIONS), source, target_at(target), follower, chunk_rows=200)
    assert outcome.state is OutcomeState.VERIFIED, outcome.verification
    assert any("Comparing" in event for event in follower.events)
    assert not any("changed in the source" in event for event in follower.events)
    assert tree_hash(directory) == before


def test_the_sweeper_leaves_copies_in_use_and_removes_those_of_the_dead(make_directory: MakeDirectory) -> None:
    directory = make_directory("0.5")
    program = (
        "import sys; from pathlib import Path; from tiers.pglite.copies import private_copy\n"
        "with private_copy(Path(sys.argv[1])): print('copied', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, directory]
    with (
        private_copy(directory) as ours,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other,
    ):
        assert other.stdout
        assert other.stdout.readline() == "copied\n"
        assert sweep_copies() == 0
        other.kill()
        other.wait()
        assert sweep_copies() == 1
        assert tree_hash(ours) == tree_hash(directory)


def test_a_directory_in_use_is_refused_and_the_plan_says_what_it_cannot_see(
    make_directory: MakeDirectory, target: str
) -> None:
    directory = make_directory("0.5", OWN)
    source = source_at(directory)
    with held_open("0.5", directory), pytest.raises(MosaicError) as caught:
        make_plan(source, target_at(target), DECISIONS)
    assert (caught.value.code, caught.value.exit_code) == (codes.IN_USE, 75)
    with DirectoryLock(directory, "exclusive", "mosaic-gw here:1:1"):
        command = [sys.executable, "-c", PLANNED, directory, target]
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "mosaic_admin.settings"}
        other = subprocess.run(command, env=environment, cwd=REPOSITORY, timeout=120, capture_output=True, text=True)
    assert other.stdout.split() == ["MOS-PGL-004"], other.stderr
    plan = make_plan(source, target_at(target), DECISIONS)
    unseen = next(check for check in plan.checks if check.code == codes.IN_USE.id)
    assert (unseen.status, "containers" in unseen.message) == (CheckStatus.WARN, True)
    assert plan.is_ready


PLANNED = """
import sys
from pathlib import Path
import django
django.setup()
from mosaic_admin.errors import MosaicError
from tests.integration.pglite.test_source import DECISIONS, make_plan, source_at, target_at
try:
    make_plan(source_at(Path(sys.argv[1])), target_at(sys.argv[2]), DECISIONS)
except MosaicError as error:
    print(error.code.id)
"""


def test_a_directory_that_changes_under_the_copy_is_refused(
    make_directory: MakeDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a program in another container writes: no lock, no open file to be seen."""
    directory = make_directory("0.5")
    copy = copies._copy

    def copy_while_somebody_writes(source: Path, to: Path) -> str:
        copied = copy(source, to)
        with (source / "global" / "pg_control").open("r+b") as file:
            file.seek(200)
            file.write(b"x")
        return copied

    monkeypatch.setattr(copies, "_copy", copy_while_somebody_writes)
    with pytest.raises(MosaicError) as caught, private_copy(directory):
        pass
    assert (caught.value.code, caught.value.exit_code) == (codes.CHANGED, 75)


def test_no_room_for_a_copy_is_said_with_its_size(
    make_directory: MakeDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = make_directory("0.5")
    monkeypatch.setattr(copies, "SPARE_BYTES", 1 << 60)
    with pytest.raises(MosaicError) as caught, private_copy(directory):
        pass
    assert caught.value.code is codes.NO_ROOM


def test_a_run_keeps_gateways_off_the_directory_and_a_dry_run_only_while_it_copies(
    make_directory: MakeDirectory,
) -> None:
    source = source_at(directory := make_directory("0.5"))
    with readable(source, "mosaic-mig here:1:1"), DirectoryLock(directory, "exclusive", "mosaic-gw here:2:1"):
        pass
    with readable(source, "mosaic-mig here:1:1", exclusive=True):
        with pytest.raises(MosaicError):
            DirectoryLock(directory, "exclusive", "mosaic-gw here:2:1").acquire()
        with readable(source, "mosaic-mig here:1:1"):  # the comparison of a cutover, under its own lock
            pass
    with DirectoryLock(directory, "exclusive", "mosaic-gw here:2:1"):
        pass
