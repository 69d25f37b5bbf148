import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text

from mosaic_admin import cli
from mosaic_admin.cli.printing import echo
from mosaic_admin.cli.terminal import Terminal
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


HOSTILE = "users\x1b]0;owned\x07\x1b[2J\r\x9b31m\u202eelbat"


def steering(text):
    return re.findall("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e]", text)


def test_a_name_does_not_steer_the_terminal(capsys):
    echo(f"{HOSTILE}\tbeside\nbelow")
    echo(HOSTILE, err=True)
    echo(json.dumps({"table": HOSTILE}, ensure_ascii=False))
    out, err = capsys.readouterr()
    assert steering(out) == steering(err) == []
    assert out.startswith("users\\u001b]0;owned\\u0007\\u001b[2J\\u000d\\u009b31m\\u202eelbat\tbeside\nbelow\n")
    assert json.loads(out.splitlines()[-1]) == {"table": HOSTILE}


def test_a_line_of_progress_is_written_over(capsys):
    echo("10 %\r", nl=False, is_over_line=True)
    assert capsys.readouterr().out == "\r10 %\\u000d"


def test_a_name_in_a_table_does_not_steer_the_terminal_and_colours_stay():
    table, file = Table("Table"), io.StringIO()
    table.add_row(HOSTILE)
    table.add_row(Text(HOSTILE, "bold"))
    Terminal(file=file, force_terminal=True, width=200).print(table)
    found = file.getvalue()
    assert "\x1b[1m" in found
    assert steering(re.sub("\x1b\\[[0-9;]*m", "", found)) == []
    assert found.count("users\\u001b]0;owned") == 2  # rich made the cell as wide as it thought


def test_commands_print_in_one_place():
    folder = Path(cli.__file__).parent
    direct = re.compile(r"click\.s?echo\(|\bConsole\(|^\s*print\(", re.MULTILINE)
    found = {path.name for path in folder.glob("*.py") if direct.search(path.read_text())}
    assert found == {"demo.py", "printing.py"}, "Print with mosaic_admin.cli.printing.echo."
