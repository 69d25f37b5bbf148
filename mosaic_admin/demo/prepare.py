"""What has to be there before the demo's processes start: databases, tables, sample data, an admin."""

from __future__ import annotations

import os

from compose.embedded.stack import ensure_database
from compose.embedded.supervisor import Say
from mosaic_admin.demo import config_file
from mosaic_admin.demo.plan import ROLE, DemoPlan


def prepare_databases(plan: DemoPlan) -> None:
    """Make role and database on both servers; pgvector only where the federated tier is."""
    ensure_database(plan.source, role=ROLE, password=plan.role_password(plan.source))
    ensure_database(plan.federated, role=ROLE, password=plan.role_password(plan.federated), extensions=["vector"])


def prepare_control_plane(plan: DemoPlan, *, say: Say) -> None:
    """Bring the dashboard's tables up to date. Idempotent, quick when there is nothing to do."""
    os.environ.update(plan.process_environment)
    import django
    from django.core.management import call_command

    django.setup()
    from mosaic_admin.people.services import ensure_admin

    call_command("migrate", interactive=False, verbosity=0)
    ensure_admin(plan.home)
    if config_file.write_when_absent(plan):
        say(f"Wrote {plan.config_file}: standalone tier, the sample store")
