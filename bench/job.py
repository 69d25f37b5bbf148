"""A migration as people start it: a job that a Celery worker carries out, with all that goes with it (lease, heartbeat,
progress and events in the control plane)."""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench.doctor import peak_mb

# `begun(source, target, …)` makes a job, waits for its plan and starts it; `wait(job, *states)` outlasts these.
BEGIN = """
import json, sys, time, django
django.setup()
from migration import services
from migration.endpoints import EndpointChoice
from migration.engine.model import Decisions
from migration.models import MigrationJob
queue = {"type": "bullmq", "url": "redis://127.0.0.1:6380/0"}
def choice(tier, url, vectors, memory):
    storage = {"type": "postgres", "url": url} | ({"enableVector": True} if vectors else {})
    document = {"version": 1, "tier": tier, "storage": storage, "queue": queue, "memory": {"type": memory}}
    return EndpointChoice(document, "/srv", tier)
def wait(job, *states):
    while job.state in states:
        time.sleep(0.2)
        job.refresh_from_db()
def begun(source, target, options=None, max_mb_s=None):
    by = services.Actor("root")
    job = services.request_plan(source=choice("standalone", source, False, "keyword"),
                                target=choice("federated", target, True, "pgvector"), by=by, options=options,
                                decisions=Decisions(carry_tables=("agents", "preferences")))
    wait(job, "planning")
    assert job.state == "planned", (job.state, job.error_message)
    MigrationJob.objects.filter(pk=job.pk).update(max_mb_s=max_mb_s)
    job.refresh_from_db()
    services.start_migration(job=job, plan_hash=job.plan_hash, target_name=job.target_name, by=by)
    job.refresh_from_db()
    return job
"""
RUN = (
    BEGIN
    + """
job = begun(*sys.argv[1:3], {"analyze": sys.argv[3] == "analyze", "vector_indexes": sys.argv[4] == "hnsw"})
wait(job, "queued", "running")
assert job.state == "verified", (job.state, job.error_message)
wall = (job.finished_at - job.started_at).total_seconds()
print(json.dumps({"wall": wall, "durations": job.result["durations"]}))
"""
)


def through_a_worker(source: str, target: str, *, analyze: bool, hnsw: bool) -> tuple[float, str]:
    """Return the wall seconds of one job from its start to its end, without its verification, and a note."""
    from tests.control_plane import control_plane
    from tests.servers import start_valkey

    with tempfile.TemporaryDirectory(prefix="mosaic-bench-") as folder, ExitStack() as stack:
        broker = start_valkey("bench-job")
        stack.callback(broker.kill)
        home = Path(folder) / "home"
        plane = stack.enter_context(control_plane(home, home / "mosaic.config.json", broker.url_for(1)))
        plane.start_worker()
        words = ("analyze" if analyze else "", "hnsw" if hnsw else "")
        found = json.loads(plane.run("-c", RUN, source, target, *words).stdout.splitlines()[-1])
        peak = peak_mb(process.pid for process in plane.processes)
    verify = found["durations"].get("verify", 0.0)
    return found["wall"] - verify, f"without verification ({verify:.1f} s); worker's peak {peak:.0f} MiB"
