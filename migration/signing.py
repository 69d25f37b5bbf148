"""Signatures of certificates: Ed25519 over canonical JSON. Neither Django nor a database is needed to check one."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from migration.engine.certificate import FORMAT
from migration.job_errors import BadCertificateError, SigningKeyError
from mosaic_admin.canonical import canonical_json
from mosaic_admin.private_files import make_private

ALGORITHM = "Ed25519"
KEY_NAME = "signing-key"
MAX_CERTIFICATE_BYTES = 50_000_000  # a certificate has some hundred bytes per table


class Trust(StrEnum):
    """What a signature is worth. INVALID: somebody changed the document, or it was never signed by this key."""

    TRUSTED = "trusted"
    NOT_TRUSTED = "not_trusted"
    INVALID = "invalid"
    UNSIGNED = "unsigned"


@dataclass(frozen=True)
class SigningKey:
    private: Ed25519PrivateKey

    @property
    def public(self) -> Ed25519PublicKey:
        return self.private.public_key()

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self.public)


def fingerprint_of(key: Ed25519PublicKey) -> str:
    """Return the SHA-256 of the key's 32 bytes, in hex."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()


def public_pem(key: Ed25519PublicKey) -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(encoding, form).decode()


def key_path(home: Path, given: Path | None) -> Path:
    """Return where this install's key is: MOSAIC_SIGNING_KEY_FILE, or MOSAIC_HOME/keys/signing-key."""
    return given or home / "keys" / KEY_NAME


def ensure_key(home: Path, given: Path | None = None) -> SigningKey:
    """Return the install's key, made at the first use (0600). A file that was named is never made.

    Raises:
        SigningKeyError: it cannot be read, others may read it, or it is no Ed25519 key.
    """
    path = key_path(home, given)
    if given is None and not path.exists():
        _make_key(path)
    return _read_key(path)


def shown_fingerprint(home: Path, given: Path | None = None) -> str:
    """Return the fingerprint for a page: "" where no key can be used, which the signing itself reports."""
    try:
        return ensure_key(home, given).fingerprint
    except SigningKeyError:
        return ""


def _make_key(path: Path) -> None:
    """Two processes may come at once: the first complete file wins, and both then read that one."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        make_private(path, pem.decode())
    except OSError as exc:
        raise SigningKeyError(
            f"The signing key {path} cannot be made (errno {exc.errno}).",
            remediation=f"Let this process write in {path.parent}, or name a key: MOSAIC_SIGNING_KEY_FILE",
        ) from None


def _read_key(path: Path) -> SigningKey:
    try:
        data, mode = path.read_bytes(), path.stat().st_mode
    except OSError as exc:
        raise SigningKeyError(
            f"The signing key {path} cannot be read (errno {exc.errno}).",
            remediation="Name a readable PEM file in MOSAIC_SIGNING_KEY_FILE, or unset it to use the own key.",
        ) from None
    if mode & 0o077:
        raise SigningKeyError(f"Others may read the signing key {path}.", remediation=f"chmod 600 {path}")
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningKeyError(
            f"{path} holds no Ed25519 private key without a password.",
            remediation=f"Make one: openssl genpkey -algorithm ed25519 -out {path} && chmod 600 {path}",
        )
    return SigningKey(key)


def read_public_key(path: Path) -> Ed25519PublicKey:
    """Read a PEM public key, as `mosaic storage key` prints it. Raises SigningKeyError."""
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise SigningKeyError(
            f"{path} holds no Ed25519 public key that can be read.",
            remediation="Take the one that `mosaic storage key` prints on the host that signed.",
        )
    return key


def sign(document: dict[str, Any], key: SigningKey) -> dict[str, Any]:
    """Return the document with its signature; a signature that was there is replaced."""
    signature = {
        "algorithm": ALGORITHM,
        "public_key": base64.b64encode(key.public.public_bytes_raw()).decode(),
        "fingerprint": key.fingerprint,
    }
    unsigned = {**document, "signature": signature}
    value = base64.b64encode(key.private.sign(_payload(unsigned))).decode()
    return {**unsigned, "signature": {**signature, "value": value}}


def _payload(document: dict[str, Any]) -> bytes:
    """What is signed: the format's name, then the canonical JSON of everything but the signature's value."""
    signature = {name: part for name, part in document["signature"].items() if name != "value"}
    return f"{FORMAT}\n{canonical_json({**document, 'signature': signature})}".encode()


def read_certificate(path: Path) -> dict[str, Any]:
    """Return a certificate as it is in the file. Raises BadCertificateError."""
    try:
        if path.stat().st_size > MAX_CERTIFICATE_BYTES:
            raise ValueError("too large")
        document = _strict_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise BadCertificateError(
            f"{path} is no certificate of the form {FORMAT}.",
            remediation="Download it again from the run's page: /migrations/ → the run → Certificate.",
        )
    return document


def _strict_json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_no_repeats)


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two values under one name would let a reader see another one than was signed."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    return found


def check_signature(
    document: dict[str, Any], *, key: Ed25519PublicKey | None = None, fingerprint: str = ""
) -> tuple[Trust, str]:
    """Return what the signature is worth and the fingerprint of the key that made it ("" for none).

    TRUSTED only when the caller brings the key, or its whole fingerprint, from somewhere else than the document.
    """
    signature = document.get("signature")
    if signature is None:
        return Trust.UNSIGNED, ""
    try:
        signer = Ed25519PublicKey.from_public_bytes(_decoded(signature["public_key"]))
        signer.verify(_decoded(signature["value"]), _payload(document))
    except (InvalidSignature, ValueError, TypeError, KeyError, AttributeError, UnicodeEncodeError):
        return Trust.INVALID, ""
    found = fingerprint_of(signer)
    is_named = signature.get("fingerprint") == found and signature.get("algorithm") == ALGORITHM
    if not is_named:
        return Trust.INVALID, ""
    wanted = {fingerprint_of(key)} if key else set()
    wanted |= {fingerprint.lower().replace(":", "").replace(" ", "")} if fingerprint else set()
    return (Trust.TRUSTED if wanted == {found} else Trust.NOT_TRUSTED), found


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as exc:
        raise ValueError("not base64") from exc
