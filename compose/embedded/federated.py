"""The federated tier's two servers as processes of this host, in one MOSAIC_HOME."""

from __future__ import annotations

from pathlib import Path

from compose.embedded.binaries import Flavour
from compose.embedded.passwords import ensure_password
from compose.embedded.postgres import EmbeddedPostgres
from compose.embedded.site import SYSTEM_ROOT, Site, make_directory, site_for
from compose.embedded.stack import EmbeddedStack, ensure_database
from compose.embedded.valkey import EmbeddedValkey
from compose.rotation import Rotation, is_unfinished
from compose.secret_files import POSTGRES_ROLE

ROLE = "mosaic"  # role and database


def postgres_of(
    home: Path, site: Site, name: str, *, port: int, setting: str, flavour: Flavour = Flavour.VECTOR
) -> EmbeddedPostgres:
    """Return the PostgreSQL `postgres-<name>` of a home; its superuser's password lies in `secrets/`."""
    is_made = (site.root / f"postgres-{name}" / "PG_VERSION").exists()
    return EmbeddedPostgres(
        name=f"postgres-{name}",
        site=site,
        port=port,
        password=ensure_password(home / "secrets" / f"{name}-postgres-superuser", in_use=is_made),
        log=home / "logs" / f"postgres-{name}.log",
        flavour=flavour,
        setting=setting,
    )


def valkey_of(home: Path, name: str, *, port: int, setting: str) -> EmbeddedValkey:
    """Return the Valkey `valkey-<name>` of a home."""
    return EmbeddedValkey(
        name=f"valkey-{name}",
        data_dir=home / "valkey" / name,
        port=port,
        password=ensure_password(home / "secrets" / f"{name}-valkey", in_use=False),
        log=home / "logs" / f"valkey-{name}.log",
        setting=setting,
    )


def federated_stack(
    home: Path, *, postgres_port: int, valkey_port: int, system_root: Path = SYSTEM_ROOT
) -> EmbeddedStack:
    """Return the stack of a MOSAIC_HOME; the same servers that `mosaic demo` runs."""
    for name in ("logs", "run", "secrets", "valkey"):
        make_directory(home / name, 0o700)
    site = site_for(home, system_root=system_root)
    postgres = postgres_of(home, site, "federated", port=postgres_port, setting="MOSAIC_POSTGRES_PORT")
    valkey = valkey_of(home, "federated", port=valkey_port, setting="MOSAIC_VALKEY_PORT")

    def prepare() -> None:
        if is_unfinished(home / "secrets"):  # its passwords may be the next ones; what is to be made is there already
            return
        password = ensure_password(home / "secrets" / POSTGRES_ROLE, in_use=False)
        ensure_database(postgres, role=ROLE, password=password, extensions=["vector"])

    rotation = Rotation(home / "secrets", postgres_port, valkey_port)
    return EmbeddedStack([postgres, valkey], prepare=prepare, rotation=rotation)


def has_data(home: Path) -> bool:
    """Say whether an embedded federated PostgreSQL was ever made in a home."""
    return (home / "pg" / "postgres-federated" / "PG_VERSION").exists()
