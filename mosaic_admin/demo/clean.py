"""Remove what the demo made, and nothing else."""

from __future__ import annotations

from pathlib import Path

from compose.embedded import EmbeddedPostgres, EmbeddedValkey, Site
from compose.embedded.home_lock import home_lock
from compose.embedded.site import SYSTEM_ROOT, remove_tree, site_at, system_sites_of
from compose.embedded.supervisor import Say, marker_of, stop_leftovers
from mosaic_admin.demo.config_file import is_ours

# Everything an install keeps in MOSAIC_HOME; a file that is not in the list is somebody's own and stays.
MADE_IN_HOME = (
    *("logs", "run", "secrets", "keys", "valkey", "pg", "static", "admin-password"),
    *("control.sqlite3", "control.sqlite3-wal", "control.sqlite3-shm"),
)


def clean(home: Path, config_file: Path, *, say: Say, system_root: Path = SYSTEM_ROOT) -> None:
    """Stop leftovers and remove the demo's folders and the configuration file it wrote.

    Raises:
        MosaicError: MOS-STK-005 while the demo runs.
    """
    home = home.resolve()
    if home.exists():
        with home_lock(home):
            stop_leftovers(marker_of(home))
            _stop_servers(home, system_root)
            _remove_configuration(home, config_file.resolve(), say)
            _remove_home(home, say)
    for folder in list(system_sites_of(home, system_root=system_root)):
        _stop_postgres(site_at(folder))
        remove_tree(folder)
        say(f"Removed {folder}")


def _stop_servers(home: Path, system_root: Path) -> None:
    for folder in (home / "valkey").glob("*"):
        EmbeddedValkey(name=folder.name, data_dir=folder, port=0, password="", log=folder / "clean.log").stop()
    if (home / "pg").is_dir() and not (home / "pg").is_symlink():
        _stop_postgres(Site(home / "pg", None))


def _stop_postgres(site: Site) -> None:
    for folder in site.root.glob("*/PG_VERSION"):
        name = folder.parent.name
        EmbeddedPostgres(name=name, site=site, port=0, password="", log=site.root / "clean.log").stop()


def _remove_configuration(home: Path, config_file: Path, say: Say) -> None:
    if not config_file.exists():
        return
    if not is_ours(config_file, home):
        say(f"Kept {config_file}: it does not use this demo's servers.")
        return
    config_file.unlink()
    config_file.with_name("cutover.json").unlink(missing_ok=True)
    say(f"Removed {config_file}")


def _remove_home(home: Path, say: Say) -> None:
    for name in MADE_IN_HOME:
        path = home / name
        remove_tree(path) if path.is_dir() else path.unlink(missing_ok=True)
    left = sorted(path.name for path in home.iterdir())
    if left:
        say(f"Kept {home}: it holds {', '.join(left)}, which the demo did not make.")
        return
    home.rmdir()
    say(f"Removed {home}")
