from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.cutover import check_cutover
from gateway.errors import BootRefusedError
from tiers.config import LocalQueue, Memory, PostgresStorage, ResolvedConfig, Tier


def config(tier: Tier) -> ResolvedConfig:
    return ResolvedConfig(tier, PostgresStorage("postgresql://db/x"), LocalQueue(), Memory("keyword"))


def check(folder: Path, tier: Tier, record: Any) -> None:
    path = folder / "mosaic.config.json"
    if record is not None:
        (folder / "cutover.json").write_text(record if isinstance(record, str) else json.dumps(record))
    check_cutover(path, config(tier))


@pytest.mark.parametrize(
    ("tier", "record"),
    [
        (Tier.STANDALONE, None),
        (Tier.FEDERATED, None),
        (Tier.FEDERATED, {"state": "active"}),
        (Tier.STANDALONE, {"state": "rolled_back"}),
    ],
)
def test_a_configuration_that_agrees_with_the_record_passes(tmp_path: Path, tier: Tier, record: Any) -> None:
    check(tmp_path, tier, record)


@pytest.mark.parametrize(
    ("tier", "record", "code"),
    [
        (Tier.STANDALONE, {"state": "active"}, "MOS-GW-002"),
        (Tier.LOCAL, {"state": "active"}, "MOS-GW-002"),
        (Tier.FEDERATED, {"state": "rolled_back"}, "MOS-GW-002"),
        (Tier.FEDERATED, "", "MOS-GW-003"),
        (Tier.FEDERATED, "[]", "MOS-GW-003"),
        (Tier.FEDERATED, {"state": "maybe"}, "MOS-GW-003"),
        (Tier.FEDERATED, {"state": ["active"]}, "MOS-GW-003"),
    ],
)
def test_a_record_that_disagrees_or_cannot_be_read_is_refused(
    tmp_path: Path, tier: Tier, record: Any, code: str
) -> None:
    with pytest.raises(BootRefusedError) as refused:
        check(tmp_path, tier, record)
    assert refused.value.code.id == code
    assert refused.value.exit_code == 78
