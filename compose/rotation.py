"""New passwords on both sides: in the servers, and in the files that everybody signs in with.

The two sides can't change in one instant, so the new passwords are written down first, beside the old ones
(`NAME.next`). A rotation that was cut short is finished by the next one, whichever side had changed: each server is
tried with both passwords. Sessions that are open stay open; who signs in later needs the new password.
"""

from __future__ import annotations

import os
import secrets as randomness
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import psycopg
from psycopg import sql

from compose import codes
from compose.runtime import Say
from compose.secret_files import NAMES, POSTGRES_ROLE, POSTGRES_SUPERUSER, VALKEY
from mosaic_admin.errors import MosaicError
from mosaic_admin.private_files import write_private
from mosaic_admin.redaction import remember_secret
from tiers import postgres, valkey
from tiers.errors import AuthenticationError

NEXT = ".next"
Link = TypeVar("Link")
SUPERUSER, ROLE = "admin", "mosaic"
MIGRATION = "mosaic-mig "  # how a run's sessions name themselves (docs/architecture.md)


@dataclass(frozen=True)
class Rotation:
    """One stack's passwords: the folder of the files, and the ports of both servers on loopback."""

    folder: Path
    postgres_port: int
    valkey_port: int

    def run(self, say: Say) -> None:
        """Change all three passwords, or finish a change that was cut short.

        Raises:
            MosaicError: MOS-STK-025 while a migration runs, or the fault of a server; what is not changed then stays
                as it was, and running it again goes on.
        """
        for name in NAMES:
            for path in (self.folder / name, self.folder / f"{name}{NEXT}"):
                if path.is_file():
                    remember_secret(path.read_text().strip())
        self._refuse_during_migration()
        self._write_down()
        say("New passwords are written down beside the old ones.")
        self._change_postgres()
        say(f"PostgreSQL has the new passwords of {ROLE} and {SUPERUSER}.")
        self._change_valkey()
        say("Valkey has its new password.")
        self._change_files()
        self._prove()
        say("Both servers let the new passwords in. Open sessions go on.")

    def _refuse_during_migration(self) -> None:
        query = "SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE starts_with(application_name, %s)"
        with self._superuser() as link:
            row = link.execute(query, [MIGRATION]).fetchone()
        if row and row[0]:
            raise MosaicError(
                "A migration runs on this stack. It would lose its sessions' password in the middle.",
                remediation="Let it finish, or pause it; then rotate the passwords.",
                code=codes.MIGRATION_RUNS,
            )

    def _write_down(self) -> None:
        for name in NAMES:
            path = self.folder / f"{name}{NEXT}"
            if not path.is_file() or not path.read_text().strip():
                write_private(path, randomness.token_urlsafe(24))
            remember_secret(path.read_text().strip())

    def _change_postgres(self) -> None:
        with self._superuser() as link, link.transaction():
            for user, name in ((ROLE, POSTGRES_ROLE), (SUPERUSER, POSTGRES_SUPERUSER)):
                # The verifier is made here: the password itself never gets to the server, nor into its log.
                verifier = link.pgconn.encrypt_password(self._next(name).encode(), user.encode(), b"scram-sha-256")
                statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
                text = statement.format(sql.Identifier(user), sql.Literal(verifier.decode())).as_string(link)
                link.execute(text.encode())

    def _change_valkey(self) -> None:
        client = _either(self._passwords(VALKEY), lambda password: valkey.connect(self._valkey_url(password)))
        with client, valkey.driver_errors(f"127.0.0.1:{self.valkey_port}"):
            client.config_set("requirepass", self._next(VALKEY))

    def _change_files(self) -> None:
        """Write into the files as they are: a container sees the file that was mounted, not one put in its place."""
        for name in NAMES:
            path = self.folder / name
            mode = path.stat().st_mode & 0o777
            path.chmod(mode | 0o200)
            with path.open("r+") as file:
                file.write(self._next(name))
                file.truncate()
                file.flush()
                os.fsync(file.fileno())
            path.chmod(mode)

    def _prove(self) -> None:
        """Sign in with what the files hold now, and only then forget that a change was under way."""
        for user, name in ((ROLE, POSTGRES_ROLE), (SUPERUSER, POSTGRES_SUPERUSER)):
            url = self._postgres_url(user, (self.folder / name).read_text().strip())
            postgres.connect(url, application_name="mosaic rotation").close()
        valkey.connect(self._valkey_url((self.folder / VALKEY).read_text().strip())).close()
        for name in NAMES:
            (self.folder / f"{name}{NEXT}").unlink()

    def _superuser(self) -> psycopg.Connection[Any]:
        def connect(password: str) -> psycopg.Connection[Any]:
            return postgres.connect(self._postgres_url(SUPERUSER, password), application_name="mosaic rotation")

        return _either(self._passwords(POSTGRES_SUPERUSER), connect)

    def _passwords(self, name: str) -> list[str]:
        """Return what may be valid now: the file's password, and the next one when a change is under way."""
        paths = (self.folder / name, self.folder / f"{name}{NEXT}")
        return [text for path in paths if path.is_file() and (text := path.read_text().strip())]

    def _next(self, name: str) -> str:
        return (self.folder / f"{name}{NEXT}").read_text().strip()

    def _postgres_url(self, user: str, password: str) -> str:
        database = "postgres" if user == SUPERUSER else ROLE
        return f"postgresql://{user}:{quote(password, safe='')}@127.0.0.1:{self.postgres_port}/{database}"

    def _valkey_url(self, password: str) -> str:
        return f"redis://:{quote(password, safe='')}@127.0.0.1:{self.valkey_port}/0"


def is_unfinished(folder: Path) -> bool:
    """Say whether a rotation was cut short: files and servers may hold different passwords."""
    return any((folder / f"{name}{NEXT}").exists() for name in NAMES)


def _either(passwords: list[str], connect: Callable[[str], Link]) -> Link:
    """Return the first connection that a password opens; the last refusal is raised."""
    for password in passwords[:-1]:
        with suppress(AuthenticationError):
            return connect(password)
    return connect(passwords[-1] if passwords else "")
