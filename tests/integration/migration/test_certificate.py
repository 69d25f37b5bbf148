"""`mosaic storage verify` as somebody on another machine runs it: a file, a key, and maybe the stores."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from migration.engine import make_plan
from migration.engine.model import Decisions
from migration.signing import ensure_key, public_pem, sign
from store.ledger import stamp_first_write
from tests.integration.engine.support import make_snake, run, source_at, target_at
from tests.integration.migration.test_real_engine import choice

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Machine:
    """A folder with a certificate, the public key and both configurations, and no control plane."""

    folder: Path
    fingerprint: str
    source_url: str
    target_url: str

    def verify(self, *words: str, certificate: str = "run.cert.json") -> tuple[int, dict[str, Any]]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MOSAIC_", "DJANGO_"))}
        home = self.folder / "home"
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "mosaic_admin",
                "storage",
                "verify",
                str(self.folder / certificate),
                "--json",
                *words,
            ],
            env={**kept, "MOSAIC_HOME": str(home), "PYTHONPATH": str(ROOT)},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not home.exists(), "verifying made a control plane"
        return done.returncode, json.loads(done.stdout)


@pytest.fixture
def machine(tmp_path: Path, plain_postgres: Any, postgres: Any, make_database: Any, django_db_blocker: Any) -> Machine:
    source_url, target_url = make_database(plain_postgres), make_database(postgres)
    with django_db_blocker.unblock():
        make_snake(source_url, rows=300)
        source, target = source_at(source_url), target_at(target_url)
        outcome = run(make_plan(source, target, Decisions()), source, target)
    key = ensure_key(tmp_path / "signer")
    (tmp_path / "run.cert.json").write_text(json.dumps(sign(outcome.certificate, key), indent=1))
    (tmp_path / "key.pem").write_text(public_pem(key.public))
    for tier, url in (("standalone", source_url), ("federated", target_url)):
        (tmp_path / f"{tier}.json").write_text(json.dumps(choice(tier, url).document))
    return Machine(tmp_path, key.fingerprint, source_url, target_url)


BOTH = ("--target", "federated.json", "--source", "standalone.json")


def test_signature_and_sums_hold_until_somebody_writes(machine: Machine) -> None:
    code, said = machine.verify()
    assert (code, said["signature"], said["holds"]) == (3, "not_trusted", False)
    code, said = machine.verify("--fingerprint", machine.fingerprint)
    assert (code, said["signature"], said["checked"]) == (0, "trusted", [])
    code, said = machine.verify("--key", str(machine.folder / "key.pem"), *BOTH)
    assert (code, said["holds"], said["checked"], said["differences"]) == (0, True, ["target", "source"], [])

    with psycopg.connect(machine.source_url, autocommit=True) as link:
        link.execute("UPDATE teams SET name = 'Changed' WHERE slug = 't1'")
    code, said = machine.verify("--fingerprint", machine.fingerprint, *BOTH)
    assert (code, said["differences"]) == (1, [{"table": "teams", "end": "source", "rows_then": 20, "rows_now": 20}])

    with psycopg.connect(machine.target_url, autocommit=True) as link:
        stamp_first_write(link)
    code, said = machine.verify("--fingerprint", machine.fingerprint, "--target", "federated.json")
    assert code == 1
    assert said["void_since"].startswith("20")
    assert said["differences"] == []


def test_a_changed_certificate_and_another_store_are_refused(
    machine: Machine, postgres: Any, make_database: Any
) -> None:
    path = machine.folder / "run.cert.json"
    path.write_text(path.read_text().replace('"is_equal": true', '"is_equal": false', 1))
    code, said = machine.verify("--fingerprint", machine.fingerprint)
    assert (code, said["error"]["code"]) == (1, "MOS-MIG-120")
    path.write_text(path.read_text().replace('"is_equal": false', '"is_equal": true', 1))
    (machine.folder / "federated.json").write_text(json.dumps(choice("federated", make_database(postgres)).document))
    code, said = machine.verify("--fingerprint", machine.fingerprint, "--target", "federated.json")
    assert (code, said["error"]["code"]) == (1, "MOS-MIG-120")
