"""What has to be there before the demo's processes start: databases, tables, sample data, an admin."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

from compose.embedded.federated import ROLE
from compose.embedded.stack import drop_database, ensure_database
from compose.embedded.supervisor import Say
from mosaic_admin.demo import config_file
from mosaic_admin.demo.plan import SAMPLE_SEED, DemoPlan

Progress = Callable[[int, int, str], None]


def prepare_databases(plan: DemoPlan) -> None:
    """Make role and database on both servers; pgvector only where the federated tier is."""
    ensure_database(plan.source, role=ROLE, password=plan.role_password(plan.source))
    ensure_database(plan.federated, role=ROLE, password=plan.role_password(plan.federated), extensions=["vector"])


def prepare_control_plane(plan: DemoPlan, *, say: Say) -> None:
    """Bring the dashboard's tables up to date, with an admin and both tiers in them. Idempotent."""
    os.environ.update(plan.process_environment)
    import django
    from django.core.management import call_command

    django.setup()
    from mosaic_admin.people.services import ensure_admin

    call_command("migrate", interactive=False, verbosity=0)
    ensure_admin(plan.home)
    if config_file.write_when_absent(plan):
        say(f"Wrote {plan.config_file}: standalone tier, the sample store")
    elif config_file.follow_ports_in_file(plan):
        say(f"Changed the ports in {plan.config_file}: the demo's servers moved")
    _ensure_tiers(plan)


def _ensure_tiers(plan: DemoPlan) -> None:
    from tiers import services

    if services.active_config() is None:
        if config_file.is_ours(plan.config_file, plan.home):
            services.ensure_config(name="standalone", document=config_file.standalone_document(plan), active=True)
        else:
            services.import_file(why="The file that was there when the demo first started.")
    services.ensure_config(name="federated", document=config_file.federated_document(plan))
    for config in services.all_configs():
        followed = config_file.follow_ports(plan, config.document)
        if followed != config.document:
            why = "The demo's servers moved to other ports."
            services.edit_config(
                config_id=config.pk, expected_revision=config.revision, document=followed, person=None, why=why
            )


def prepare_sample_store(plan: DemoPlan, *, progress: Progress) -> None:
    """Fill the sample store, once. A filling that was interrupted starts over: no process has used the store yet."""
    mark = plan.home / "run" / "sample-store-is-filled"
    if mark.exists():
        return
    from store.alias import migrate_store, store_alias
    from store.seed import seed
    from tiers.config import PostgresStorage, resolve_document

    logging.getLogger("psycopg").setLevel(logging.ERROR)  # Ctrl-C in the middle is no news worth a driver's warning
    drop_database(plan.source, ROLE)
    prepare_databases(plan)
    storage = resolve_document(config_file.standalone_document(plan), base_dir=plan.config_file.parent).storage
    assert isinstance(storage, PostgresStorage)
    with store_alias(storage):
        migrate_store()
    if plan.sample_rows:
        seed(storage.url, rows=plan.sample_rows, seed=SAMPLE_SEED, on_progress=progress)
    mark.touch()
