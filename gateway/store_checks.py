"""Whether this store may be served: no migration at work or left open in it, and this version's tables."""

from __future__ import annotations

from typing import Any

import psycopg

from doctor import codes as doctor_codes
from gateway import codes
from gateway.errors import BootRefusedError
from store.ledger import lock_holders, read_run

Connection = psycopg.Connection[Any]
# One column each whose name tells this store's tables from an older install's (camelCase there)
CORE_COLUMNS = ("users.display_name", "projects.owner_id", "tasks.owner_id", "notes.owner_id")


def check_store(connection: Connection) -> None:
    """Refuse a store that a migration works on, has left unfinished, or that holds no tables yet. Reads only.

    Raises: BootRefusedError; LedgerError when the role may not read the ledger.
    """
    refuse_running(connection)
    refuse_unfinished(connection)
    refuse_unprepared(connection)


def refuse_running(connection: Connection) -> None:
    holder = next((holder for holder in lock_holders(connection) if holder.mode == "exclusive"), None)
    if holder is None:
        return
    is_ours = holder.kind == "mig"
    raise BootRefusedError(
        f"The store's lock is held exclusively by {holder}.",
        expected="A store that no migration works on.",
        fix="Wait until the migration is done, or cancel it on the Migrations page; then start the gateway again."
        if is_ours
        else "Find out whose session it is (`mosaic doctor` shows its number), end it, start the gateway again.",
        code=doctor_codes.STORE_MIGRATING if is_ours else doctor_codes.STORE_FOREIGN_LOCK,
    )


def refuse_unfinished(connection: Connection) -> None:
    run = read_run(connection)
    if run and not run.is_finished:
        number = f" #{run.job_number}" if run.job_number else ""
        raise BootRefusedError(
            f"Migration run{number} into this store stopped in the state {run.state}.",
            expected="A run that is verified, or cancelled.",
            fix="Resume it: mosaic storage migrate-tier --to federated --resume (or cancel it on the Migrations page).",
            code=doctor_codes.STORE_UNFINISHED,
        )


def refuse_unprepared(connection: Connection) -> None:
    found = connection.execute(
        "SELECT split_part(name, '.', 1), to_regclass(split_part(name, '.', 1)) IS NOT NULL"
        " FROM unnest(%s::text[]) AS name"
        " WHERE NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass(split_part(name, '.', 1))"
        " AND attname = split_part(name, '.', 2) AND NOT attisdropped) ORDER BY 1",
        (list(CORE_COLUMNS),),
    ).fetchall()
    other = [str(table) for table, is_there in found if is_there]
    if other:
        raise BootRefusedError(
            f"The tables {', '.join(other)} are there with other columns: an install of another version made them.",
            expected="The tables of the Mosaic store, as this version names their columns.",
            fix="Keep that install's own gateway, and move its data. "
            "Look first: mosaic storage migrate-tier --to federated --dry-run",
            code=codes.STORE_NOT_PREPARED,
        )
    if found:
        raise BootRefusedError(
            f"The database has no table {', '.join(str(table) for table, _ in found)}.",
            expected="The tables of the Mosaic store.",
            fix="Correct the section storage if this is another store. For a new one create them: mosaic store prepare",
            code=codes.STORE_NOT_PREPARED,
        )
