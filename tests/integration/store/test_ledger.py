"""Lock, epoch and ledger against a real server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import scalar_row

from store import ledger
from store.ledger import StoreBusyError, StoreLock, holder_name
from tests.servers import EmbeddedPostgres, MakeDatabase

GATEWAY, MIGRATION = holder_name("gw"), holder_name("mig", epoch=3)


@pytest.fixture
def url(postgres: EmbeddedPostgres, make_database: MakeDatabase) -> str:
    return make_database(postgres)


@pytest.fixture
def connection(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def run_id(connection: psycopg.Connection) -> UUID:
    ledger.create_ledger(connection)
    run_id = uuid4()
    connection.execute("INSERT INTO mosaic_migration.run (run_id, plan) VALUES (%s, '{\"a\": 1}')", (run_id,))
    return run_id


def next_xid(connection: psycopg.Connection) -> int:
    query = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
    return int(connection.cursor(row_factory=scalar_row).execute(query).fetchone() or 0)


def test_two_gateways_share_the_lock_and_a_migration_waits_for_both(url: str) -> None:
    with StoreLock(url, "shared", GATEWAY), StoreLock(url, "shared", GATEWAY), pytest.raises(StoreBusyError) as caught:
        StoreLock(url, "exclusive", MIGRATION).acquire(0.3)
    assert caught.value.context["holders"] == [GATEWAY, GATEWAY]
    assert "mosaic gateway pause" in caught.value.remediation


def test_a_gateway_does_not_start_under_a_migration(url: str) -> None:
    with StoreLock(url, "exclusive", MIGRATION), pytest.raises(StoreBusyError, match="a migration on"):
        StoreLock(url, "shared", GATEWAY).acquire()


def test_a_lock_that_is_let_go_in_time_is_taken(url: str) -> None:
    gateway = StoreLock(url, "shared", GATEWAY)
    gateway.acquire()
    threading.Timer(0.4, gateway.release).start()
    with StoreLock(url, "shared", GATEWAY):
        migration = StoreLock(url, "exclusive", MIGRATION)
        with pytest.raises(StoreBusyError):
            migration.acquire(0.6)
    migration.acquire(5)
    assert migration.is_held()
    migration.release()


def test_a_lock_whose_session_was_ended_is_not_held(url: str, connection: psycopg.Connection) -> None:
    lock = StoreLock(url, "shared", GATEWAY)
    lock.acquire()
    assert lock.is_held()
    connection.execute("SELECT pg_terminate_backend(%s, 5000)", (ledger.lock_holders(connection)[0].backend_pid,))
    assert not lock.is_held()
    lock.acquire()
    assert lock.is_held()
    lock.release()


def test_locks_of_two_databases_do_not_meet(url: str, postgres: EmbeddedPostgres, make_database: MakeDatabase) -> None:
    with StoreLock(url, "exclusive", MIGRATION), StoreLock(make_database(postgres), "exclusive", MIGRATION) as other:
        assert other.is_held()


def test_an_unprivileged_role_reads_who_holds_the_lock(url: str, connection: psycopg.Connection) -> None:
    role = f"reader_{uuid4().hex[:8]}"
    connection.execute(f"CREATE ROLE {role}")
    try:
        with StoreLock(url, "exclusive", MIGRATION):
            connection.execute(f"SET ROLE {role}")
            (holder,) = ledger.lock_holders(connection)
        assert (holder.application_name, holder.kind, holder.epoch) == (MIGRATION, "mig", 3)
        assert ledger.read_run(connection) is None
    finally:
        connection.execute("RESET ROLE")
        connection.execute(f"DROP ROLE {role}")


def test_taking_checking_and_letting_go_assigns_no_transaction_id(url: str, connection: psycopg.Connection) -> None:
    before = next_xid(connection)
    with StoreLock(url, "exclusive", MIGRATION) as lock:
        assert lock.is_held()
        assert ledger.lock_holders(connection)
        assert ledger.read_run(connection) is None
        assert not ledger.stamp_first_write(connection)
    assert next_xid(connection) == before


def test_creating_the_ledger_twice_writes_once(connection: psycopg.Connection) -> None:
    ledger.create_ledger(connection)
    before = next_xid(connection)
    ledger.create_ledger(connection)
    assert next_xid(connection) == before


def test_a_ledger_of_another_version_is_refused(connection: psycopg.Connection) -> None:
    ledger.create_ledger(connection)
    connection.execute("COMMENT ON TABLE mosaic_migration.run IS 'ledger_version=2'")
    for use in (ledger.create_ledger, ledger.read_run, ledger.stamp_first_write):
        with pytest.raises(ledger.LedgerVersionError, match="version 2"):
            use(connection)


@pytest.fixture
def roles(connection: psycopg.Connection) -> Iterator[tuple[str, str, str]]:
    """Two people who may create in the database, and a group."""
    names = tuple(f"{name}_{uuid4().hex[:8]}" for name in ("mallory", "alice", "team"))
    database = connection.info.dbname
    for name in names:
        connection.execute(f"CREATE ROLE {name}")
        connection.execute(f"GRANT CREATE ON DATABASE {database} TO {name}")
    try:
        yield (names[0], names[1], names[2])
    finally:
        connection.execute("RESET ROLE")
        connection.execute("DROP SCHEMA IF EXISTS mosaic_migration CASCADE")
        for name in names:
            connection.execute(f"DROP OWNED BY {name}")
            connection.execute(f"DROP ROLE {name}")


def as_role(connection: psycopg.Connection, role: str, *statements: str) -> None:
    connection.execute("RESET ROLE")
    connection.execute(f"SET ROLE {role}")
    for statement in statements:
        connection.execute(statement)


def test_a_schema_that_somebody_else_made_beforehand_is_refused(
    connection: psycopg.Connection, roles: tuple[str, str, str]
) -> None:
    mallory, alice, _ = roles
    as_role(connection, mallory, "CREATE SCHEMA mosaic_migration", "GRANT ALL ON SCHEMA mosaic_migration TO public")
    as_role(connection, alice)
    with pytest.raises(ledger.LedgerOwnerError, match=f"belongs to the role {mallory}") as caught:
        ledger.create_ledger(connection)
    assert caught.value.code.id == "MOS-STO-010"
    assert "DROP SCHEMA mosaic_migration CASCADE;" in caught.value.remediation
    connection.execute("RESET ROLE")  # a superuser is no member of everything
    with pytest.raises(ledger.LedgerOwnerError):
        ledger.create_ledger(connection)
    assert not ledger.has_ledger(connection)
    connection.execute("DROP SCHEMA mosaic_migration CASCADE")
    as_role(connection, alice)
    ledger.create_ledger(connection)


def test_a_table_of_somebody_elses_in_our_schema_is_refused(
    connection: psycopg.Connection, roles: tuple[str, str, str]
) -> None:
    mallory, alice, _ = roles
    as_role(connection, alice)
    ledger.create_ledger(connection)
    ledger.create_ledger(connection)  # one's own
    connection.execute("RESET ROLE")
    connection.execute(f"ALTER TABLE mosaic_migration.chunk OWNER TO {mallory}")
    as_role(connection, alice)
    with pytest.raises(ledger.LedgerOwnerError):
        ledger.create_ledger(connection)


@pytest.mark.parametrize("owner", ["group", "database owner", "superuser"])
def test_a_schema_of_ones_group_of_the_database_or_of_a_superuser_is_no_strangers(
    connection: psycopg.Connection, roles: tuple[str, str, str], owner: str
) -> None:
    mallory, alice, team = roles
    match owner:
        case "group":  # as on a managed service
            connection.execute(f"GRANT {team} TO {mallory}")
            connection.execute(f"GRANT {mallory} TO {alice}")
            connection.execute(f"CREATE SCHEMA mosaic_migration AUTHORIZATION {team}")
        case "database owner":
            connection.execute(f"ALTER DATABASE {connection.info.dbname} OWNER TO {mallory}")
            connection.execute(f"CREATE SCHEMA mosaic_migration AUTHORIZATION {mallory}")
            connection.execute(f"GRANT ALL ON SCHEMA mosaic_migration TO {alice}")
        case _:
            connection.execute("CREATE SCHEMA mosaic_migration")
            connection.execute(f"GRANT ALL ON SCHEMA mosaic_migration TO {alice}")
    try:
        as_role(connection, alice)
        ledger.create_ledger(connection)
        assert ledger.has_ledger(connection)
    finally:
        connection.execute("RESET ROLE")
        connection.execute(f"ALTER DATABASE {connection.info.dbname} OWNER TO CURRENT_USER")


def test_a_target_has_one_run_that_is_not_cancelled(connection: psycopg.Connection, run_id: UUID) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute("INSERT INTO mosaic_migration.run (run_id) VALUES (gen_random_uuid())")
    connection.execute("UPDATE mosaic_migration.run SET state = 'cancelled'")
    assert ledger.read_run(connection) is None
    connection.execute("INSERT INTO mosaic_migration.run (run_id) VALUES (gen_random_uuid())")
    assert [run.state for run in ledger.read_runs(connection)] == ["preparing", "cancelled"]


def test_a_run_is_read_with_its_plan(connection: psycopg.Connection, run_id: UUID) -> None:
    run = ledger.read_run(connection)
    assert run is not None
    assert (run.run_id, run.plan, run.epoch, run.is_finished) == (run_id, {"a": 1}, 0, False)


def test_each_claim_is_a_new_epoch(connection: psycopg.Connection, run_id: UUID) -> None:
    assert [ledger.claim_epoch(connection, run_id, holder=MIGRATION) for _ in range(3)] == [1, 2, 3]
    assert (run := ledger.read_run(connection)) is not None
    assert run.holder == MIGRATION
    with pytest.raises(ledger.RunNotFoundError):
        ledger.claim_epoch(connection, uuid4())


def test_a_stale_worker_is_stopped_and_nothing_of_it_stays(connection: psycopg.Connection, run_id: UUID) -> None:
    mine = ledger.claim_epoch(connection, run_id)
    ledger.claim_epoch(connection, run_id)

    def write_and_fence() -> None:
        with connection.transaction():
            connection.execute(
                "INSERT INTO mosaic_migration.table_run (run_id, table_name) VALUES (%s, 't')", (run_id,)
            )
            ledger.assert_epoch(connection, run_id, mine)

    with pytest.raises(ledger.StaleEpochError):
        write_and_fence()
    assert connection.execute("SELECT count(*) FROM mosaic_migration.table_run").fetchone() == (0,)


def test_a_claim_waits_for_the_transaction_that_is_under_way(
    url: str, connection: psycopg.Connection, run_id: UUID
) -> None:
    mine = ledger.claim_epoch(connection, run_id)
    with psycopg.connect(url) as worker:
        ledger.assert_epoch(worker, run_id, mine)
        with pytest.raises(StoreBusyError, match="still has a transaction open"):
            ledger.claim_epoch(connection, run_id, wait_s=0.3)
        worker.commit()
        assert ledger.claim_epoch(connection, run_id) == mine + 1


def test_a_worker_with_an_old_snapshot_is_stale_too(url: str, connection: psycopg.Connection, run_id: UUID) -> None:
    mine = ledger.claim_epoch(connection, run_id)
    with psycopg.connect(url) as worker:
        worker.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        worker.execute("SELECT 1")
        worker.execute("SELECT epoch FROM mosaic_migration.run")
        ledger.claim_epoch(connection, run_id)
        with pytest.raises(ledger.StaleEpochError):
            ledger.assert_epoch(worker, run_id, mine)
        worker.rollback()


def test_a_fence_outside_a_transaction_is_a_bug(connection: psycopg.Connection, run_id: UUID) -> None:
    with pytest.raises(RuntimeError, match="outside a transaction"):
        ledger.assert_epoch(connection, run_id, 0)


def test_the_first_write_is_stamped_once(connection: psycopg.Connection, run_id: UUID) -> None:
    assert ledger.stamp_first_write(connection)
    assert (first := ledger.read_run(connection)) is not None
    assert not ledger.stamp_first_write(connection)
    assert ledger.read_run(connection) == first
    assert first.first_write_at is not None
