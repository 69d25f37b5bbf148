"""The memory of a worker that moves large values: `python -m bench.memory [GB …]`, by default 1 and 20.

Each size is a store of notes of 1 MB, moved by a job through a Celery worker of its own; printed is the most that the
worker process ever had resident. The values compress well on both servers' disks, and cross the wire in full.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import django
import psycopg

from bench.job import through_a_worker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mosaic_admin.settings")
NOTES = """
INSERT INTO users (email, display_name) VALUES ('one@example.org', 'One');
INSERT INTO notes (owner_id, title, body)
  SELECT u.id, 'note ' || n, left(n || repeat(md5(n::text), 31250), 1000000) FROM users u, generate_series(1, %s) n"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", nargs="*", type=int, default=[1, 20], help="GB (10^9 bytes)")
    django.setup()
    from compose.embedded import Flavour
    from tests.integration.engine.support import prepare_schema, source_at
    from tests.servers import start_postgres

    with tempfile.TemporaryDirectory(prefix="mosaic-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the servers run as another user when this is root
        servers = [
            start_postgres(f"memory-{f.value}", f, root=folder / f.value) for f in (Flavour.PLAIN, Flavour.VECTOR)
        ]
        try:
            for size in parser.parse_args().sizes:
                source, target = (made(server, f"gb{size}") for server in servers)
                prepare_schema(source_at(source))
                with psycopg.connect(source, autocommit=True) as connection:
                    connection.execute((NOTES % (size * 1000)).encode())
                wall, note = through_a_worker(source, target, analyze=True, hnsw=False)
                print(f"{size} GB: {wall:.0f} s {note}", flush=True)
        finally:
            for server in servers:
                server.kill()


def made(server: object, name: str) -> str:
    with psycopg.connect(server.url, autocommit=True) as admin:  # type: ignore[attr-defined]
        admin.execute(f"CREATE DATABASE {name}".encode())
    return str(server.url_for(name))  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
