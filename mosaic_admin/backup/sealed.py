"""Encryption of a stream by a passphrase: scrypt makes the key, AES-256-GCM seals chunks that know their place.

A file is MAGIC, one line of JSON (the parameters of scrypt), a tag that tells a wrong passphrase from damage, then
chunks of CHUNK bytes with their 16-byte tags. A nonce
is a random prefix, the chunk's number and whether it is the last, so chunks cannot be moved, dropped or cut off
unnoticed (the STREAM construction). The header is authenticated with each chunk.
"""

from __future__ import annotations

import base64
import json
import os
from typing import IO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from mosaic_admin.backup import codes
from mosaic_admin.errors import MosaicError

MAGIC = b"mosaic-backup-sealed/1\n"
CHUNK = 1 << 20
TAG = 16
CHECK = (1 << 32) - 1  # a number that no chunk has: such a file would have 4 PB
COST = {"n": 1 << 17, "r": 8, "p": 1}  # 128 MB and some 0.4 s for each guess
MAX_N = 1 << 20  # a file that asks for more would only use up memory
MAX_HEADER = 1000


class SealingWriter:
    """A file for writing whose content is sealed; `close` writes the last chunk, and leaves the file below open."""

    def __init__(self, file: IO[bytes], passphrase: str) -> None:
        salt, self._prefix = os.urandom(16), os.urandom(7)
        header = {**COST, "salt": _text(salt), "prefix": _text(self._prefix)}
        self._header = MAGIC + json.dumps(header, sort_keys=True).encode() + b"\n"
        self._cipher = AESGCM(_key(passphrase, salt, **COST))
        self._file, self._buffer, self._number = file, bytearray(), 0
        file.write(self._header + self._cipher.encrypt(_nonce(self._prefix, CHECK, is_last=False), b"", self._header))

    def write(self, data: bytes) -> int:
        self._buffer += data
        while len(self._buffer) > CHUNK:  # the last chunk stays for `close`, even when it is full
            self._seal(bytes(self._buffer[:CHUNK]), is_last=False)
            del self._buffer[:CHUNK]
        return len(data)

    def close(self) -> None:
        self._seal(bytes(self._buffer), is_last=True)

    def _seal(self, data: bytes, *, is_last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._prefix, self._number, is_last=is_last), data, self._header))
        self._number += 1


class SealedReader:
    """The content of a sealed file. Raises MosaicError: MOS-BAK-002 wrong passphrase, MOS-BAK-001 changed or cut."""

    def __init__(self, file: IO[bytes], passphrase: str) -> None:
        line = file.readline(MAX_HEADER)
        self._header = MAGIC + line
        try:
            header = json.loads(line)
            n, r, p = (int(header[name]) for name in ("n", "r", "p"))
            if not (1 < n <= MAX_N and 0 < r <= 16 and 0 < p <= 4):
                raise ValueError("out of range")
            self._prefix = base64.b64decode(header["prefix"], validate=True)
            self._cipher = AESGCM(_key(passphrase, base64.b64decode(header["salt"], validate=True), n=n, r=r, p=p))
            self._cipher.decrypt(_nonce(self._prefix, CHECK, is_last=False), file.read(TAG), self._header)
        except InvalidTag:
            raise MosaicError(
                "The passphrase does not open the backup.",
                remediation="Give the one that it was made with: --passphrase-file FILE. Nobody can open it without.",
                code=codes.PASSPHRASE,
            ) from None
        except (ValueError, TypeError, KeyError):
            raise not_readable("its header makes no sense") from None
        self._file, self._number, self._is_done = file, 0, False
        self._next, self._buffer = file.read(CHUNK + TAG), bytearray()

    def read(self, size: int = -1) -> bytes:
        while not self._is_done and (size < 0 or len(self._buffer) < size):
            self._open_chunk()
        size = len(self._buffer) if size < 0 else size
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _open_chunk(self) -> None:
        data, self._next = self._next, self._file.read(CHUNK + TAG)
        self._is_done = not self._next
        try:
            nonce = _nonce(self._prefix, self._number, is_last=self._is_done)
            self._buffer += self._cipher.decrypt(nonce, data, self._header)
        except (InvalidTag, ValueError):
            raise not_readable("it was changed or cut short") from None
        self._number += 1


def not_readable(why: str) -> MosaicError:
    return MosaicError(
        f"The file cannot be used as a backup: {why}.",
        remediation="Take another copy of it, or an older backup; `mosaic backup verify FILE` reads one through.",
        code=codes.NOT_READABLE,
    )


def _key(passphrase: str, salt: bytes, *, n: int, r: int, p: int) -> bytes:
    return Scrypt(salt=salt, length=32, n=n, r=r, p=p).derive(passphrase.encode())


def _nonce(prefix: bytes, number: int, *, is_last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + bytes([is_last])


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
