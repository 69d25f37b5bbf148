"""django-health-check on the same servers: the peer of `bench.doctor`, served by gunicorn as its own small project.

`/same` asks the questions of our report, one check for each service (a check opens its own connection, as its checks
do); `/own` runs the checks that come with the package: SELECT 1 and PING.
"""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import struct
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import django
import psycopg
import redis
from django.conf import settings
from psycopg.conninfo import conninfo_to_dict

POSTGRES, VALKEY, CONFIG = (os.environ[name] for name in ("BENCH_POSTGRES", "BENCH_VALKEY", "BENCH_CONFIG"))
GIVEN = conninfo_to_dict(POSTGRES)

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": GIVEN["dbname"],
            "USER": GIVEN["user"],
            "PASSWORD": GIVEN["password"],
            "HOST": GIVEN["host"],
            "PORT": GIVEN["port"],
        }
    },
    INSTALLED_APPS=["health_check"],
    ROOT_URLCONF="bench.health_check_app",
    SECRET_KEY="bench",  # noqa: S106  # it signs nothing here
    USE_TZ=True,
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import path  # noqa: E402
from health_check.base import HealthCheck  # noqa: E402
from health_check.contrib.redis import Redis as Ping  # noqa: E402
from health_check.exceptions import ServiceUnavailable  # noqa: E402
from health_check.views import HealthCheckView  # noqa: E402
from redis.asyncio import Redis as AsyncRedis  # noqa: E402

from doctor.probes import pgvector, postgres, store, valkey  # noqa: E402
from gateway import store_checks  # noqa: E402
from store.ledger import lock_holders, read_run  # noqa: E402
from tiers.config import load_config  # noqa: E402


@dataclasses.dataclass
class Postgres(HealthCheck):
    """Name, port, TLS, sign-in, and every catalog question of our ladder, pgvector and store included."""

    def run(self) -> None:
        parts = urlsplit(POSTGRES)
        address = (socket.getaddrinfo(parts.hostname, parts.port)[0][4][0], parts.port or 5432)
        with socket.create_connection(address, 5) as asking:
            asking.sendall(struct.pack("!ii", 8, 80877103))
            asking.recv(1)
        with psycopg.connect(POSTGRES, autocommit=True, connect_timeout=5) as connection:
            facts = connection.execute(postgres._FACTS).fetchone()
            vector = connection.execute(pgvector._FACTS).fetchone()
            if facts is None or vector is None:
                raise ServiceUnavailable("no facts")
            connection.execute("SELECT '[1]'::vector")
            connection.execute(store.RIGHTS_SQL, (list(store.TABLES),)).fetchall()
            lock_holders(connection)
            read_run(connection)
            store_checks.refuse_unprepared(connection)


@dataclasses.dataclass
class Valkey(HealthCheck):
    """Port, sign-in, PING, INFO, persistence and the ACL questions of our ladder."""

    def run(self) -> None:
        parts = urlsplit(VALKEY)
        socket.create_connection((parts.hostname or "", parts.port or 6379), 5).close()
        with redis.Redis.from_url(VALKEY, decode_responses=True, socket_timeout=5) as client:
            client.ping()
            info: Any = client.info()
            client.config_get("save")
            who = client.execute_command("ACL", "WHOAMI")
            with client.pipeline(transaction=False) as questions:
                for words in valkey.NEEDED:
                    questions.execute_command("ACL", "DRYRUN", who, *words)
                questions.execute()
            if info["maxmemory_policy"] != "noeviction":
                raise ServiceUnavailable("evicts")


@dataclasses.dataclass
class Config(HealthCheck):
    def run(self) -> None:
        json.dumps(load_config(Path(CONFIG)).tier)


class Same(HealthCheckView):
    checks: ClassVar[Any] = (Postgres, Valkey, Config)


class Own(HealthCheckView):
    checks: ClassVar[Any] = (
        "health_check.checks.Database",
        (Ping, {"client_factory": lambda: AsyncRedis.from_url(VALKEY)}),
    )


urlpatterns = [path("same", Same.as_view()), path("own", Own.as_view())]
application = get_wsgi_application()
