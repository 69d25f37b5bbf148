"""`mosaic config activate`: what the button does, for whoever has a shell on the server."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

from mosaic_admin.cli.printing import echo
from mosaic_admin.errors import NotFoundError
from tiers import codes, services
from tiers.activation import file_digest
from tiers.models import TierConfig


def activate(name: str, *, why: str, is_confirmed: Callable[[Path, str], bool]) -> None:
    """Show what changes in the file, ask, and activate. Raises what `services.activate` raises."""
    config, path = _find(name), services.config_path()
    seen = file_digest(path)
    lines = [line for line in services.file_change(config) if line[:1] in "+-"]
    echo("\n".join(lines) if lines else f"{path} already says the same.")
    if not is_confirmed(path, f"mosaic config activate {shlex.quote(name)}"):
        echo("Nothing was changed.")
        return
    services.activate(config_id=config.pk, why=why, expected_revision=config.revision, expected_file=seen)
    echo(f"{path} is written from “{config.name}”, revision {config.revision}. The gateway reads it when it starts.")


def _find(name: str) -> TierConfig:
    config = TierConfig.objects.filter(name=name).first()
    if config is None and name.isdecimal():
        return services.get_config(int(name))
    if config is None:
        names = ", ".join(TierConfig.objects.values_list("name", flat=True)) or "none"
        raise NotFoundError(
            "No tier configuration has this name.",
            remediation=f"Use one of: {names}. The page /tiers/ makes new ones.",
            code=codes.NO_CONFIG,
        )
    return config
