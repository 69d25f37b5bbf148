"""The exact command for a fault, with this install's host, port, user and database in it, and never a password."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from doctor.findings import Finding, Remediation
from mosaic_admin import env
from mosaic_admin.codes import Code
from tiers import codes as tiers_codes


@dataclass(frozen=True)
class Address:
    """The parts of a server's URL that a command may show."""

    host: str
    port: int
    user: str
    database: str
    is_tls: bool = False

    @classmethod
    def of(cls, url: str, *, port: int) -> Address:
        parts = urlsplit(url)
        return cls(
            host=parts.hostname or "",
            port=parts.port or port,
            user=unquote(parts.username or ""),
            database=unquote(parts.path.lstrip("/")),
            is_tls=parts.scheme in ("rediss", "valkeys"),
        )

    def psql(self, sql: str, *, user: str = "postgres", database: str | None = None) -> str:
        """Return a psql command line; superuser work names the server's own administrator, who may differ."""
        where = f"psql -h {shlex.quote(self.host)} -p {self.port} -U {shlex.quote(user)}"
        return f"{where} -d {shlex.quote(database or self.database or 'postgres')} -c {shlex.quote(sql)}"

    def valkey_cli(self, command: str) -> str:
        user = f" --user {shlex.quote(self.user)}" if self.user else ""
        tls = " --tls" if self.is_tls else ""
        return f"valkey-cli -h {shlex.quote(self.host)} -p {self.port}{tls}{user} --askpass {command}"

    def createdb(self) -> str:
        """Return createdb without the new database's name."""
        return (
            f"createdb -h {shlex.quote(self.host)} -p {self.port} -U postgres -O {shlex.quote(self.user or 'postgres')}"
        )

    def pg_isready(self, wait_s: int = 5) -> str:
        return f"pg_isready -h {shlex.quote(self.host)} -p {self.port} -t {wait_s}"


def identifier(name: str) -> str:
    """Quote a name for SQL that somebody will paste."""
    return '"' + name.replace('"', '""') + '"'


def _demo_command(at: Address) -> str | None:
    """Return what starts the server when it is one of this install's embedded ones."""
    environment = env.load()
    ports = (environment.postgres_port, environment.source_port, environment.valkey_port)
    is_ours = at.host in ("127.0.0.1", "localhost", "::1") and at.port in ports
    return "mosaic demo" if is_ours and environment.secrets_dir.is_dir() else None


def _postgres_command(code: Code, at: Address) -> str | None:
    sessions = "SELECT pid, usename, application_name, state FROM pg_stat_activity ORDER BY backend_start"
    commands = {
        tiers_codes.PG_NAME: f"getent hosts {shlex.quote(at.host)}",
        tiers_codes.PG_REFUSED: _demo_command(at) or at.pg_isready(),
        tiers_codes.PG_TIMEOUT: at.pg_isready(),
        tiers_codes.PG_STARTING: at.pg_isready(30),
        tiers_codes.PG_LOST: at.pg_isready(),
        tiers_codes.PG_TLS: at.psql("SHOW ssl"),
        tiers_codes.PG_AUTHENTICATION: at.psql(f"\\password {identifier(at.user)}", database="postgres"),
        tiers_codes.PG_DATABASE: f"{at.createdb()} {shlex.quote(at.database)}",
        tiers_codes.PG_CONNECTIONS: at.psql(sessions),
        tiers_codes.PG_DISK_FULL: at.psql("SHOW data_directory"),
        tiers_codes.PG_READ_ONLY: at.psql("SELECT pg_is_in_recovery(), current_setting('transaction_read_only')"),
        tiers_codes.PG_PRIVILEGE: at.psql("\\dp", user=at.user or "postgres"),
    }
    return commands.get(code)


def _valkey_command(code: Code, at: Address) -> str | None:
    if code is tiers_codes.VK_NAME:
        return f"getent hosts {shlex.quote(at.host)}"
    if code is tiers_codes.VK_REFUSED and (start := _demo_command(at)):
        return start
    asked = {
        tiers_codes.VK_CONNECTIONS: "CLIENT LIST",
        tiers_codes.VK_PRIVILEGE: "ACL WHOAMI",
        tiers_codes.VK_READ_ONLY: "INFO replication",
        tiers_codes.VK_DISK_FULL: "INFO memory",
    }
    return at.valkey_cli(asked.get(code, "PING"))


def with_postgres_command(finding: Finding, at: Address) -> Finding:
    """Add the command to copy to a finding that came from the adapter as a sentence."""
    return _with_command(finding, _postgres_command(finding.code, at) if finding.code else None)


def with_valkey_command(finding: Finding, at: Address) -> Finding:
    return _with_command(finding, _valkey_command(finding.code, at) if finding.code else None)


def _with_command(finding: Finding, command: str | None) -> Finding:
    remedy = finding.remediation
    if command is None or remedy is None or remedy.command:
        return finding
    return replace(finding, remediation=Remediation(remedy.text, command))
