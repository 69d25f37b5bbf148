from __future__ import annotations

from pathlib import Path

import pytest

from doctor import codes
from mosaic_admin.code_pages import render
from mosaic_admin.wiring import ALL_CODES, probes_for
from tiers.config import resolve_document
from tiers.defaults import DEFAULT_FEDERATED_CONFIG, DEFAULT_LOCAL_CONFIG, DEFAULT_STANDALONE_CONFIG

DOCS = Path(__file__).parents[3] / "docs" / "doctor"
PASSWORDS = {"MOSAIC_PG_PASSWORD": "first-secret", "MOSAIC_VALKEY_PASSWORD": "second-secret"}


def test_the_list_of_codes_is_what_the_code_says() -> None:
    fix = "run: .venv/bin/python -m mosaic_admin.code_pages > docs/doctor/codes.md"
    assert (DOCS / "codes.md").read_text(encoding="utf-8") == render(ALL_CODES.values()), fix


def test_no_two_codes_share_a_number() -> None:
    from compose import codes as compose_codes
    from gateway import codes as gateway_codes
    from migration import codes as migration_codes
    from migration import job_codes
    from mosaic_admin import codes as admin_codes
    from mosaic_admin.audit import codes as audit_codes
    from mosaic_admin.backup import codes as backup_codes
    from mosaic_admin.people import codes as people_codes
    from store import codes as store_codes
    from tiers import codes as tiers_codes
    from tiers.pglite import codes as pglite_codes

    modules = (codes, compose_codes, gateway_codes, migration_codes, job_codes, admin_codes, people_codes, store_codes)
    every = [code for module in (*modules, tiers_codes, audit_codes, backup_codes, pglite_codes) for code in module.ALL]
    numbers = [code.id for code in every]
    assert len(numbers) == len(set(numbers)), sorted(number for number in numbers if numbers.count(number) > 1)
    assert set(numbers) == set(ALL_CODES)


@pytest.mark.parametrize("document", [DEFAULT_LOCAL_CONFIG, DEFAULT_STANDALONE_CONFIG, DEFAULT_FEDERATED_CONFIG])
def test_every_probe_is_documented(document: dict[str, object], tmp_path: Path) -> None:
    config = resolve_document(document, base_dir=tmp_path, environ=PASSWORDS)
    text = (DOCS / "README.md").read_text(encoding="utf-8")
    names = [probe.name for probe in probes_for(config)]
    assert len(names) == len(set(names))
    assert [name for name in names if f"`{name}`" not in text] == []
