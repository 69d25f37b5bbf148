"""Signed certificates: what is trusted, what is not, and what a change of any kind does."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from migration.engine.certificate import FORMAT
from migration.job_errors import BadCertificateError, SigningKeyError
from migration.signing import (
    SigningKey,
    Trust,
    check_signature,
    ensure_key,
    public_pem,
    read_certificate,
    read_public_key,
    sign,
)

DOCUMENT: dict[str, Any] = {
    "format": FORMAT,
    "run_id": "5f1c",
    "plan_hash": "ab",
    "issued_at": "2026-11-26T10:00:00+00:00",
    "mode": "typed",
    "is_equal": True,
    "rejected_rows": 0,
    "tables": [{"name": "naïve ☃", "source_rows": 10, "target_rows": 10, "source_sum": "1:2", "target_sum": "1:2"}],
    "signature": None,
}


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey(Ed25519PrivateKey.generate())


@pytest.fixture
def signed(key: SigningKey) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(sign(DOCUMENT, key)))
    return found


def test_only_a_key_from_elsewhere_makes_a_signature_trusted(signed: dict[str, Any], key: SigningKey) -> None:
    assert check_signature(signed) == (Trust.NOT_TRUSTED, key.fingerprint)
    assert check_signature(signed, key=key.public)[0] is Trust.TRUSTED
    assert check_signature(signed, fingerprint=key.fingerprint)[0] is Trust.TRUSTED
    shown = ":".join(key.fingerprint[at : at + 4] for at in range(0, 64, 4)).upper()
    assert check_signature(signed, fingerprint=shown)[0] is Trust.TRUSTED
    assert check_signature(DOCUMENT) == (Trust.UNSIGNED, "")


def test_another_key_or_a_part_of_a_fingerprint_is_not_trusted(signed: dict[str, Any], key: SigningKey) -> None:
    other = SigningKey(Ed25519PrivateKey.generate())
    assert check_signature(signed, key=other.public)[0] is Trust.NOT_TRUSTED
    assert check_signature(signed, fingerprint=key.fingerprint[:16])[0] is Trust.NOT_TRUSTED
    assert check_signature(signed, key=key.public, fingerprint=other.fingerprint)[0] is Trust.NOT_TRUSTED


def _change(document: dict[str, Any], path: list[Any], value: Any) -> dict[str, Any]:
    changed: Any = json.loads(json.dumps(document))
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    found: dict[str, Any] = changed
    return found


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["is_equal"], False),
        (["tables", 0, "target_rows"], 11),
        (["tables", 0, "target_sum"], "1:3"),
        (["tables"], []),
        (["left_behind"], {}),
        (["run_id"], "5f1d"),
        (["signature", "fingerprint"], "0" * 64),
        (["signature", "algorithm"], "none"),
        (["signature", "value"], "AAAA"),
        (["signature", "value"], "not base64 ☃"),
        (["signature", "value"], None),
        (["signature", "public_key"], "AAAA"),
        (["signature"], {}),
        (["signature"], "yes"),
        (["signature"], ["value"]),
    ],
)
def test_a_certificate_that_was_changed_anywhere_is_invalid(
    signed: dict[str, Any], key: SigningKey, path: list[Any], value: Any
) -> None:
    assert check_signature(_change(signed, path, value), key=key.public)[0] is Trust.INVALID


def test_signing_again_with_another_key_cannot_pass_for_the_first(signed: dict[str, Any], key: SigningKey) -> None:
    forged = sign(_change(signed, ["is_equal"], False), SigningKey(Ed25519PrivateKey.generate()))
    assert check_signature(forged, key=key.public)[0] is Trust.NOT_TRUSTED
    forged["signature"]["fingerprint"] = key.fingerprint
    assert check_signature(forged, fingerprint=key.fingerprint)[0] is Trust.INVALID


def test_the_order_of_names_and_spaces_does_not_matter(signed: dict[str, Any], key: SigningKey) -> None:
    turned = dict(reversed(json.loads(json.dumps(signed, indent=4)).items()))
    assert check_signature(turned, key=key.public)[0] is Trust.TRUSTED


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format": "another/1"}', f'{{"format": "{FORMAT}", "run_id": 1, "run_id": 2}}', "[" * 99999],
)
def test_a_file_that_is_no_certificate_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(BadCertificateError):
        read_certificate(tmp_path / "c.json")


def test_the_install_makes_its_key_once_for_its_owner_only(tmp_path: Path) -> None:
    first, second = ensure_key(tmp_path), ensure_key(tmp_path)
    assert first.fingerprint == second.fingerprint
    path = tmp_path / "keys" / "signing-key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [item.name for item in path.parent.iterdir()] == ["signing-key"]
    (tmp_path / "pub.pem").write_text(public_pem(first.public))
    assert read_public_key(tmp_path / "pub.pem").public_bytes_raw() == first.public.public_bytes_raw()


def test_a_key_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    ensure_key(tmp_path)
    (tmp_path / "keys" / "signing-key").chmod(0o640)
    with pytest.raises(SigningKeyError, match="Others may read"):
        ensure_key(tmp_path)


def test_a_named_key_file_is_never_made_and_has_to_be_ed25519(tmp_path: Path) -> None:
    path = tmp_path / "mine.pem"
    with pytest.raises(SigningKeyError, match="cannot be read"):
        ensure_key(tmp_path, path)
    assert not path.exists()
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(X25519PrivateKey.generate().private_bytes(*form))
    path.chmod(0o600)
    with pytest.raises(SigningKeyError, match="no Ed25519"):
        ensure_key(tmp_path, path)
    path.write_bytes(Ed25519PrivateKey.generate().private_bytes(*form))
    assert ensure_key(tmp_path, path)
    assert not (tmp_path / "keys").exists()
