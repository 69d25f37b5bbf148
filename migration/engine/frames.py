"""Binary COPY, framed anew: a row's leading real[] fields become `vector` fields, without decoding a number.

Both forms are a small header and big-endian float4s: an array writes a length before each element, a vector doesn't.
Sources: PostgreSQL's "COPY, Binary Format", `array_send` and pgvector's `vector_recv`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from psycopg.abc import Buffer

SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_HEADER = len(SIGNATURE) + 8  # flags, length of the extension
_ELEMENT = 4  # bytes of a float4, and of each length before one
_ARRAY_HEADER = 12  # dimensions, has-nulls, element type
_DIMENSION = 8  # size, lower bound
_NULL = -1
# What a vector cannot say (no element, NULL elements, more dimensions) is sent as a vector without a dimension: the
# server refuses that row, and the reject table tells of it.
_REFUSED = struct.pack("!iHH", 4, 0, 0)
_int32 = struct.Struct("!i")
_frame = struct.Struct("!iHH")  # bytes that follow, dimension, unused


class Reframer:
    """Frames the first `fields` fields of each row anew; the stream's header and trailer pass as they are."""

    def __init__(self, fields: int) -> None:
        self._fields = fields
        self._is_first = True

    def __call__(self, rows: Sequence[Buffer]) -> bytes:
        """Return what to send for these rows, each a buffer of its own as COPY TO delivers it."""
        return b"".join(map(self._row, rows))

    def _row(self, row: Buffer) -> bytes:
        data = bytes(row)
        start = 0
        if self._is_first:
            self._is_first = False
            start = _HEADER + _int32.unpack_from(data, _HEADER - 4)[0]
        if len(data) - start <= 2:  # the trailer, or a header alone
            return data
        parts = [data[: start + 2]]  # what stands before the row, and its count of fields
        at = start + 2
        for _ in range(self._fields):
            (length,) = _int32.unpack_from(data, at)
            at += 4
            if length == _NULL:
                parts.append(data[at - 4 : at])
                continue
            parts.append(vector_field(data[at : at + length]))
            at += length
        parts.append(data[at:])
        return b"".join(parts)


def vector_field(array: bytes) -> bytes:
    """Return a real[] value as a `vector` field, its length in front."""
    (dimensions,) = _int32.unpack_from(array)
    if dimensions != 1:
        return _REFUSED
    (count,) = _int32.unpack_from(array, _ARRAY_HEADER)
    values = memoryview(array)[_ARRAY_HEADER + _DIMENSION :]
    # shorter where an element is NULL; the header's flag only says that the array once had room for one
    if len(values) != count * 2 * _ELEMENT or count > 0xFFFF:
        return _REFUSED
    numbers = values.cast("I")[1::2].tobytes()
    return _frame.pack(4 + len(numbers), count, 0) + numbers
