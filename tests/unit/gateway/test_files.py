from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gateway import codes, files
from gateway.errors import BootRefusedError, GatewayNotRunningError


def test_many_first_starts_agree_on_one_private_token(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        tokens = set(pool.map(lambda _: files.ensure_token(tmp_path), range(16)))
    assert len(tokens) == 1
    assert files.token_path(tmp_path).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in files.token_path(tmp_path).parent.iterdir()] == ["gateway-token"]


def test_the_state_file_keeps_no_secret(tmp_path: Path) -> None:
    error = BootRefusedError(
        "postgresql://ada:hunter2hunter2@db/x is wrong", expected="another", fix="mend it", code=codes.STORE_DOWN
    )
    files.write_state(tmp_path, "refused", refusal=files.refusal_facts(error))
    text = files.state_path(tmp_path).read_text()
    assert "hunter2" not in text
    state = files.read_state(tmp_path)
    assert state is not None
    assert state["refusal"]["code"] == "MOS-GW-012"


def test_a_damaged_state_file_reads_as_none(tmp_path: Path) -> None:
    files.write_state(tmp_path, "running")
    files.state_path(tmp_path).write_text("{")
    assert files.read_state(tmp_path) is None


def test_an_error_that_is_no_refusal_still_says_what_was_expected() -> None:
    facts = files.refusal_facts(GatewayNotRunningError("x", remediation="y"))
    assert (facts["expected"], facts["exit_code"]) == ("The gateway does not answer", 69)
