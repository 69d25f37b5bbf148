import subprocess
import sys

import pytest

from mosaic_admin import cli
from mosaic_admin.codes import PORT_TAKEN
from mosaic_admin.errors import MosaicError


def test_the_help_lists_every_group_without_importing_django():
    code = (
        "import sys\n"
        "from mosaic_admin.cli import main\n"
        "try:\n  main(['--help'])\n"
        "finally:\n  assert 'django' not in sys.modules"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert all(name in result.stdout for name in cli.GROUPS)


def test_an_expected_error_prints_code_and_remedy_and_ends_with_its_exit_code(monkeypatch, capsys):
    def refuse(**_):
        raise MosaicError("Port 8000 is taken, password=hunter2-canary.", remediation="Free it.", code=PORT_TAKEN)

    monkeypatch.setattr(cli.mosaic, "main", refuse)
    with pytest.raises(SystemExit) as ended:
        cli.main([])
    assert ended.value.code == 78
    shown = capsys.readouterr().err
    assert shown.startswith("MOS-ENV-003 Port 8000 is taken")
    assert "Fix: Free it." in shown
    assert "hunter2-canary" not in shown


def test_an_unexpected_error_ends_with_70(monkeypatch, capsys):
    def crash(**_):
        raise ZeroDivisionError

    monkeypatch.setattr(cli.mosaic, "main", crash)
    with pytest.raises(SystemExit) as ended:
        cli.main([])
    assert ended.value.code == 70
    assert "MOS-BUG-001" in capsys.readouterr().err
