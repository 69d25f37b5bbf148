"""Ports, passwords, the home's lock, and where files lie."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from compose import codes
from compose.embedded.home_lock import home_lock
from compose.embedded.passwords import ensure_password
from compose.embedded.ports import PortUse, free_port, is_free, require_free
from compose.embedded.site import make_directory, site_for, system_sites_of
from mosaic_admin import codes as base_codes
from mosaic_admin.errors import MosaicError


def test_a_taken_port_is_refused_with_its_number_and_setting() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(MosaicError) as caught:
            require_free(
                [PortUse(free_port(), "gateway", "MOSAIC_GATEWAY_PORT"), PortUse(port, "dashboard", "MOSAIC_WEB_PORT")]
            )
    assert caught.value.code is base_codes.PORT_TAKEN
    assert caught.value.message == f"A port is taken by another program: {port} for the dashboard (MOSAIC_WEB_PORT)."
    assert f"sport = :{port}" in caught.value.remediation
    assert "MOSAIC_WEB_PORT=" in caught.value.remediation


def test_every_taken_port_is_named_at_once() -> None:
    with socket.socket() as one, socket.socket() as two:
        for holder in (one, two):
            holder.bind(("127.0.0.1", 0))
            holder.listen()
        uses = [PortUse(item.getsockname()[1], "x", f"S{number}") for number, item in enumerate((one, two))]
        with pytest.raises(MosaicError, match=r"Ports are taken .*\(S0\).*\(S1\)"):
            require_free(uses)


def test_a_port_that_was_closed_is_free() -> None:
    assert is_free(free_port())


def test_a_password_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "federated-postgres"
    first = ensure_password(path, in_use=False)
    assert ensure_password(path, in_use=True) == first
    assert len(first) >= 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_lost_password_of_a_server_with_data_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(MosaicError) as caught:
        ensure_password(tmp_path / "gone", in_use=True)
    assert caught.value.code is codes.SECRET_MISSING
    assert not (tmp_path / "gone").exists()


def test_a_second_supervisor_is_refused_naming_the_first(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from compose.embedded.home_lock import home_lock\n"
    code += f"with home_lock(Path({str(tmp_path)!r})): print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(MosaicError, match=rf"pid {holder.pid}") as caught, home_lock(tmp_path):
            pass
        assert caught.value.code is codes.ALREADY_RUNNING
        holder.kill()
        holder.wait()
        with home_lock(tmp_path):  # the kernel let go of it
            assert (tmp_path / "run" / "supervisor.pid").read_text().strip() == str(os.getpid())


def test_a_folder_below_a_file_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MosaicError, match=str(tmp_path / "file")) as caught:
        make_directory(tmp_path / "file" / "below", 0o700)
    assert caught.value.code is base_codes.NOT_WRITABLE


def test_postgres_data_lies_where_its_account_can_reach_it(tmp_path: Path) -> None:
    home, system = tmp_path / "home", tmp_path / "system"
    home.mkdir(mode=0o700)
    site = site_for(home, system_root=system)
    if os.geteuid() == 0:
        assert site.root.parent == system
        assert Path(os.readlink(home / "pg")) == site.root
        assert list(system_sites_of(home, system_root=system)) == [site.root]
    else:
        assert site.root == home / "pg"
    assert site_for(home, system_root=system) == site
