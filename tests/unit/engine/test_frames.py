"""Binary COPY framed anew: what a real[] becomes, byte for byte."""

from __future__ import annotations

import struct

from migration.engine.frames import SIGNATURE, Reframer, vector_field

HEADER = SIGNATURE + struct.pack("!ii", 0, 0)
TRAILER = b"\xff\xff"


def array(*values: float, nulls: bool = False) -> bytes:
    items = b"".join(struct.pack("!if", 4, value) for value in values)
    return struct.pack("!iiIii", 1, int(nulls), 700, len(values), 1) + items


def field(data: bytes | None) -> bytes:
    return struct.pack("!i", -1) if data is None else struct.pack("!i", len(data)) + data


def row(*fields: bytes | None) -> bytes:
    return struct.pack("!h", len(fields)) + b"".join(map(field, fields))


def vector(*values: float) -> bytes:
    return struct.pack("!HH", len(values), 0) + struct.pack(f"!{len(values)}f", *values)


def test_a_stream_keeps_everything_but_the_arrays() -> None:
    rows = [HEADER + row(array(1.0, -2.5), b"text"), row(None, b"no embedding"), row(array(0.1), None), TRAILER]
    wanted = HEADER + row(vector(1.0, -2.5), b"text") + row(None, b"no embedding") + row(vector(0.1), None) + TRAILER
    assert Reframer(1)(rows) == wanted


def test_the_header_may_come_alone_and_be_extended() -> None:
    header = SIGNATURE + struct.pack("!ii", 0, 3) + b"abc"
    reframe = Reframer(1)
    assert reframe([header]) + reframe([row(array(3.0))]) == header + row(vector(3.0))


def test_several_columns_are_framed_in_their_order() -> None:
    assert Reframer(2)([HEADER + row(array(1.0), array(2.0), b"x")]) == HEADER + row(vector(1.0), vector(2.0), b"x")


def test_bits_pass_untouched() -> None:
    odd = struct.unpack("!f", b"\x7f\xc0\x12\x34")[0]  # a NaN with a payload
    values = bytearray(array(odd, 1.0))
    values[24:28] = b"\x7f\xc0\x12\x34"
    assert vector_field(bytes(values))[8:12] == b"\x7f\xc0\x12\x34"


def test_what_a_vector_cannot_say_is_left_to_the_server_to_refuse() -> None:
    refused = field(vector())
    assert vector_field(struct.pack("!iiI", 0, 0, 700)) == refused  # no element
    null = struct.pack("!iiIii", 1, 1, 700, 2, 1) + struct.pack("!if", 4, 1.0) + struct.pack("!i", -1)
    assert vector_field(null) == refused
    assert vector_field(struct.pack("!iiIiiii", 2, 0, 700, 1, 1, 1, 1) + struct.pack("!if", 4, 1.0)) == refused


def test_an_array_that_once_had_room_for_null_is_a_vector_when_it_has_none() -> None:
    assert vector_field(array(1.0, 2.0, nulls=True)) == field(vector(1.0, 2.0))
