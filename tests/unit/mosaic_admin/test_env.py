import os
import subprocess
import sys

import pytest

from mosaic_admin.env import Environment


def run_mosaic(tmp_path, *args, **variables):
    return subprocess.run(
        [sys.executable, "-c", "from mosaic_admin import env; env.load()"],
        env={"PATH": os.environ["PATH"], "MOSAIC_HOME": str(tmp_path), "PYTHONPATH": os.getcwd(), **variables},
        capture_output=True,
        text=True,
    )


def test_every_bad_variable_is_named_with_its_value(tmp_path):
    result = run_mosaic(tmp_path, MOSAIC_WEB_PORT="99999", MOSAIC_LOG_LEVEL="LOUD")
    assert result.returncode == 78
    assert "MOSAIC_WEB_PORT: '99999'" in result.stderr
    assert "MOSAIC_LOG_LEVEL: 'LOUD'" in result.stderr
    assert "Fix:" in result.stderr


def test_a_shared_broker_with_a_private_database_is_refused(tmp_path):
    result = run_mosaic(tmp_path, VALKEY_URL="redis://:hunter2-canary@10.0.0.5:6379/0")
    assert result.returncode == 78
    assert "MOS-ENV-002" in result.stderr
    assert "hunter2-canary" not in result.stderr


@pytest.mark.parametrize("url", ["redis://localhost:6379/0", "redis://127.0.0.9/0", "redis://[::1]:1/0", "unix:///x"])
def test_a_loopback_broker_needs_no_shared_database(url):
    assert not Environment(VALKEY_URL=url).is_split_brain()


def test_the_embedded_broker_url_quotes_the_password(tmp_path):
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "control-valkey").write_text("p@ss/word\n")
    environment = Environment(home=tmp_path, control_valkey_port=6391)
    assert environment.control_valkey_url == "redis://:p%40ss%2Fword@127.0.0.1:6391/0"


def test_the_control_database_is_for_its_owner_only(tmp_path):
    code = "import django; django.setup(); from django.db import connection as c; c.cursor().execute('SELECT 1')"
    variables = {"PATH": os.environ["PATH"], "MOSAIC_HOME": str(tmp_path), "PYTHONPATH": os.getcwd()}
    variables["DJANGO_SETTINGS_MODULE"] = "mosaic_admin.settings"
    subprocess.run([sys.executable, "-c", code], env=variables, check=True, umask=0o022)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("control.sqlite3*")}
    assert modes
    assert set(modes.values()) == {0o600}
