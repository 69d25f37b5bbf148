"""Everything Mosaic Admin reads from the environment, in one place, each bad value named."""

from __future__ import annotations

import sys
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote, urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Port = Annotated[int, Field(ge=1, le=65535)]


class Environment(BaseSettings):
    """The environment variables, with their defaults; field `web_port` is `MOSAIC_WEB_PORT`."""

    model_config = SettingsConfigDict(env_prefix="MOSAIC_", frozen=True, extra="ignore", populate_by_name=True)

    home: Path = Field(Path(".mosaic"), description="Folder for state: database, keys, logs, embedded servers")
    config: Path = Field(Path("mosaic.config.json"), description="The tier configuration the gateway boots from")
    database_url: str = Field(
        "",
        validation_alias="DATABASE_URL",
        description="Control-plane database; unset: an SQLite file in MOSAIC_HOME",
    )
    valkey_url: str = Field(
        "",
        validation_alias="VALKEY_URL",
        description="Control-plane broker and cache; unset: the embedded Valkey on MOSAIC_CONTROL_VALKEY_PORT",
    )
    web_host: str = Field("127.0.0.1", description="Address the dashboard listens on")
    web_port: Port = Field(8000, description="Port of the dashboard")
    gateway_host: str = Field("127.0.0.1", description="Address the gateway listens on")
    gateway_port: Port = Field(8001, description="Port of the gateway")
    gateway_rate: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        1200, description="Requests that one API token may send to the gateway within a minute; 0: any number"
    )
    postgres_port: Port = Field(5433, description="Port of the federated PostgreSQL")
    valkey_port: Port = Field(6380, description="Port of the federated Valkey")
    source_port: Port = Field(5434, description="Port of the demo's sample standalone PostgreSQL")
    control_valkey_port: Port = Field(6390, description="Port of the control plane's embedded Valkey")
    allowed_hosts: str = Field("", description="Extra host names the dashboard answers to, comma separated")
    trusted_proxies: str = Field(
        "",
        description="Addresses or networks of reverse proxies, comma separated, whose X-Forwarded-For is believed",
    )
    public_url: str = Field(
        "",
        description="Address that people use, such as https://mosaic.example.org; with https: Secure cookies, HSTS, no "
        "plain HTTP. A proxy in front ends TLS and sends X-Forwarded-Proto",
    )
    secret_key: str = Field("", description="Django's secret key; unset: made once and kept in MOSAIC_HOME/keys")
    signing_key_file: Path | None = Field(
        None, description="Private key (PEM, Ed25519) that signs certificates; unset: MOSAIC_HOME/keys/signing-key"
    )
    debug: bool = Field(False, description="Django's debug pages; never on a machine that others reach")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least severe log line")
    boot_wait_s: Annotated[float, Field(ge=0, le=600)] = Field(
        30.0, description="Seconds the boot gate waits for a service that says it is still starting"
    )
    stack_project: str = Field("mosaic", description="Compose project of the federated stack: one name, one stack")
    stack_runtime: Literal["auto", "docker", "embedded"] = Field(
        "auto",
        description="What runs the federated stack; auto: processes where this home has their data, else Docker",
    )
    doctor_share_s: Annotated[float, Field(ge=0, le=60)] = Field(
        2.0,
        description="Seconds for which the doctor answers with the report it has; 0: only callers at one moment share",
    )
    token_rate: Annotated[int, Field(ge=0)] = Field(
        120, description="Requests that one API token may make within a minute; 0: as many as it likes"
    )
    email_host: str = Field("", description="SMTP server for notices; unset: no mail is sent")
    email_port: Port = Field(587, description="Port of the SMTP server")
    email_user: str = Field("", description="User at the SMTP server; unset: without signing in")
    email_password_file: Path | None = Field(None, description="File with the password of the SMTP user")
    email_security: Literal["starttls", "tls", "none"] = Field("starttls", description="How mail is encrypted")
    email_from: str = Field("mosaic@localhost", description="Sender of notices")
    keep_runs_days: Annotated[int, Field(ge=0)] = Field(
        0, description="Days after which ended runs leave the history; 0 keeps all"
    )
    notice_to: str = Field("", description="Who gets a mail when a migration ends or stops, comma separated")
    webhook_allow: str = Field(
        "", description="Hosts and networks that a webhook may call although they are private, comma separated"
    )
    process: Literal["dashboard", "gateway"] = Field("dashboard", description="Set by `mosaic`: which process this is")

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: str) -> str:
        try:
            read_networks(value)
        except ValueError:
            raise ValueError("a comma separated list of addresses or networks was expected") from None
        return value

    @field_validator("public_url")
    @classmethod
    def _address(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (
            parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query
        ):
            raise ValueError("an address such as https://mosaic.example.org was expected")
        return value

    def is_debug_exposed(self) -> bool:
        """Say whether others reach a dashboard that shows its settings and source to everybody."""
        is_local = self.web_host in ("127.0.0.1", "localhost", "::1")
        return self.debug and not (is_local and not self.public_url and not self.allowed_hosts.strip())

    @property
    def proxy_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        return read_networks(self.trusted_proxies)

    @property
    def secrets_dir(self) -> Path:
        return self.home / "secrets"

    @property
    def control_valkey_url(self) -> str:
        """The broker's URL: VALKEY_URL, else the embedded server's with the password that `mosaic demo` made."""
        if self.valkey_url:
            return self.valkey_url
        path = self.secrets_dir / "control-valkey"
        password = quote(path.read_text().strip(), safe="") if path.is_file() else ""
        userinfo = f":{password}@" if password else ""
        return f"redis://{userinfo}127.0.0.1:{self.control_valkey_port}/0"

    @property
    def email_password(self) -> str:
        """The SMTP user's password. A file that was named and cannot be read ends the process with exit code 78."""
        try:
            return self.email_password_file.read_text().strip() if self.email_password_file else ""
        except OSError as exc:
            sys.stderr.write(
                f"MOS-ENV-001 MOSAIC_EMAIL_PASSWORD_FILE: it cannot be read (errno {exc.errno})."
                "\nFix: name a file that this user can read, or unset it, then start again.\n"
            )
            raise SystemExit(78) from None

    def is_split_brain(self) -> bool:
        """Say whether several hosts would share a broker and not a database."""
        return bool(self.valkey_url) and not self.database_url and not _is_loopback(self.valkey_url)


def read_networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Return the networks of a comma separated list; a single address is a network of one. Raises ValueError."""
    return tuple(ip_network(word.strip()) for word in text.split(",") if word.strip())


def _is_loopback(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme == "unix" or parts.hostname in (None, "localhost"):
        return True
    try:
        return ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def describe_problems(error: ValidationError) -> list[str]:
    """Return one line per bad variable: its name, its value unless it may be secret, and what is expected."""
    fields = Environment.model_fields
    lines = []
    for item in error.errors():
        name = str(item["loc"][0])
        variable = name if name.isupper() else f"MOSAIC_{name.upper()}"
        is_secret = name in ("secret_key", "DATABASE_URL", "VALKEY_URL") or name not in fields
        shown = "its value" if is_secret else repr(item["input"])
        lines.append(f"{variable}: {shown} is not usable: {item['msg'].lower()}.")
    return lines


@cache
def load() -> Environment:
    """Read the environment once. A bad value ends the process with exit code 78, naming every bad variable."""
    try:
        environment = Environment()
    except ValidationError as exc:
        problems = "\n  ".join(describe_problems(exc))
        sys.stderr.write(
            f"MOS-ENV-001 A setting has a bad value.\n  {problems}\nFix: set or unset it, then start again.\n"
        )
        raise SystemExit(78) from None
    if environment.is_split_brain():
        sys.stderr.write(
            "MOS-ENV-002 VALKEY_URL points at another machine while DATABASE_URL is unset: every host would keep its "
            "own job rows.\nFix: set DATABASE_URL to the PostgreSQL that all hosts share, then start again.\n"
        )
        raise SystemExit(78)
    if environment.is_debug_exposed():
        sys.stderr.write(
            "MOS-ENV-001 MOSAIC_DEBUG is on while others reach this dashboard: error pages show settings and source.\n"
            "Fix: unset MOSAIC_DEBUG, or unset MOSAIC_PUBLIC_URL, MOSAIC_ALLOWED_HOSTS and MOSAIC_WEB_HOST.\n"
        )
        raise SystemExit(78)
    return environment
