"""Records against independent bytes, and the name of each damage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nexus.remotefs.state.call import HEAD_BYTES
from nexus.remotefs.state.checksum import crc32c
from nexus.remotefs.state.record import (
    CALL_BYTES_MAX,
    CALL_RECORD_BYTES_MAX,
    KEY_BYTES_MAX,
    RECORD_BYTES_MAX,
    SHAPES,
    SYNC_BYTES,
    VALUE_BYTES_MAX,
    Fault,
    Op,
    Record,
    decode,
    encode_checkpoint,
    encode_id,
)
from nexus.remotefs.state.superblock import Superblock, decode_superblock, regions

VECTORS: dict[str, str] = json.loads(
    (Path(__file__).parents[5] / "third_party/vectors/frames.json").read_text()
)
KEY = "/state/shared/selftest/remote-rw"

RECORDS = {
    "journal_put": Record(Op.PUT, KEY, b"remote-statefs-rw-v1"),
    "journal_delete": Record(Op.DELETE, KEY),
    "journal_put_minimal": Record(Op.PUT, "/state/a", b"1"),
    "journal_checkpoint_gen1_entries2": encode_checkpoint(1, 2),
    "journal_prepare_txn7": Record(Op.PREPARE, "", encode_id(7)),
    "journal_payload_txn7": Record(Op.PAYLOAD, "/state/a", encode_id(7) + b"chunk"),
    "journal_commit_txn7": Record(Op.COMMIT, "", encode_id(7)),
    "journal_sync": Record(Op.SYNC),
}
PUT = bytes.fromhex(VECTORS["journal_put"])


def with_crc(body: bytes) -> bytes:
    return body + crc32c(body).to_bytes(4, "little")


def test_the_checksum_is_that_of_the_vector() -> None:
    assert f"{crc32c(b'123456789'):08x}" == VECTORS["crc32c_check_123456789"]


@pytest.mark.parametrize("name", RECORDS)
def test_records_both_ways(name: str) -> None:
    data = bytes.fromhex(VECTORS[name])
    assert RECORDS[name].encode().hex() == VECTORS[name]
    assert decode(data + bytes(9), 0) == (RECORDS[name], len(data))
    assert decode(b"?" + data, 1) == (RECORDS[name], len(data) + 1)


def test_the_superblock_both_ways() -> None:
    data = bytes.fromhex(VECTORS["superblock_gen1_active0_entries2"])
    assert Superblock(0, 1, 2).encode() == data
    assert decode_superblock(data + bytes(492)) == Superblock(0, 1, 2)
    for bit in range(len(data) * 8):
        bad = bytearray(data)
        bad[bit // 8] ^= 1 << bit % 8
        assert decode_superblock(bytes(bad)) is None
    for length in range(len(data)):
        assert decode_superblock(data[:length]) is None


@pytest.mark.parametrize(
    "body", [b"NXS3\1\0\0\0", b"NXS2\2\0\0\0", b"NXS2\1\2\0\0", b"NXS2\1\0\1\0"]
)
def test_a_superblock_of_another_kind(body: bytes) -> None:
    assert decode_superblock(with_crc(body + bytes(8))) is None


def test_a_disk_is_divided_into_two_regions() -> None:
    assert regions(4) is None
    pair = regions(64)
    assert pair is not None
    assert [(region.start, region.sectors) for region in pair] == [(1, 31), (32, 31)]


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", Fault.SHORT_HEADER),
        (PUT[:14], Fault.SHORT_HEADER),
        (bytes(15), Fault.MAGIC),
        (b"FSXM" + PUT[4:], Fault.MAGIC),
        (PUT[:4] + b"\4" + PUT[5:], Fault.OP),
        (PUT[:4] + b"\0" + PUT[5:], Fault.OP),
        (b"FSXN\1\0\1" + bytes(8), Fault.CAPS),
        (b"FSXN\1\1\0\1\0\1\0" + bytes(4), Fault.CAPS),
        # Caps come before the shape, the shape before what is there.
        (b"FSXN\x14\0\1" + bytes(8), Fault.CAPS),
        (b"FSXN\1\0\0" + bytes(8), Fault.SHAPE),
        (b"FSXN\2\1\0\1\0\0\0" + bytes(4), Fault.SHAPE),
        (b"FSXN\x11\1\0\7\0\0\0" + bytes(4), Fault.SHAPE),
        (b"FSXN\x11\1\0\x09\x20\0\0" + bytes(4), Fault.SHAPE),
        (b"FSXN\x14\1\0" + bytes(8), Fault.SHAPE),
        # A call has a head and a peer of at least one byte.
        (b"FSXN\x15\0\0" + HEAD_BYTES.to_bytes(4, "little") + bytes(4), Fault.SHAPE),
        (b"FSXN\x15\0\0" + (HEAD_BYTES + 1).to_bytes(4, "little") + bytes(4), Fault.SHORT),
        (bytes.fromhex(VECTORS["journal_reject_checkpoint_empty_value"]), Fault.SHAPE),
        (PUT[:-1], Fault.SHORT),
        (PUT[:-1] + b"\0", Fault.CRC),
        (with_crc(b"FSXN\1\1\0\0\0\0\0\xff"), Fault.UTF8),
        (with_crc(b"FSXN\x10\0\0\x08\0\0\0" + bytes(8)), Fault.TRANSACTION),
        (with_crc(b"FSXN\x11\1\0\x08\0\0\0k" + bytes(8)), Fault.TRANSACTION),
        (with_crc(b"FSXN\x12\0\0\x08\0\0\0" + bytes(8)), Fault.TRANSACTION),
        (with_crc(b"FSXN\x13\0\0\x08\0\0\0" + bytes(8)), Fault.TRANSACTION),
        # A wrong key is reported before a wrong number.
        (with_crc(b"FSXN\x11\1\0\x08\0\0\0\xff" + bytes(8)), Fault.UTF8),
        # A wrong checksum is reported before a wrong key.
        (b"FSXN\1\1\0\0\0\0\0\xff\0\0\0\0", Fault.CRC),
    ],
)
def test_each_damage_has_its_name(data: bytes, fault: Fault) -> None:
    assert decode(data, 0) is fault


def test_every_flipped_bit_is_found() -> None:
    for data in (PUT, SYNC_BYTES, bytes.fromhex(VECTORS["journal_payload_txn7"])):
        for bit in range(len(data) * 8):
            bad = bytearray(data)
            bad[bit // 8] ^= 1 << bit % 8
            assert isinstance(decode(bad, 0), Fault)


def test_the_longest_record_is_read_back() -> None:
    record = Record(Op.PUT, "k" * KEY_BYTES_MAX, bytes(VALUE_BYTES_MAX))
    data = record.encode()
    assert len(data) == RECORD_BYTES_MAX
    assert decode(data, 0) == (record, len(data))


@pytest.mark.parametrize(
    "record",
    [
        Record(Op.PUT, "", b"x"),
        Record(Op.PUT, "k" * 256, b""),
        Record(Op.PUT, "k", bytes(65_537)),
        Record(Op.DELETE, "k", b"x"),
        Record(Op.SYNC, "k"),
        Record(Op.COMMIT, "", b"1234567"),
    ],
)
def test_a_record_of_no_shape_is_our_mistake(record: Record) -> None:
    with pytest.raises(AssertionError):
        record.encode()


# An operation, its number, its shortest and longest key, and its shortest and longest value.
LENGTHS = (
    (Op.PUT, 1, 1, 255, 0, 65_536),
    (Op.DELETE, 2, 1, 255, 0, 0),
    (Op.CHECKPOINT, 3, 0, 0, 8, 8),
    (Op.PREPARE, 16, 0, 0, 8, 8),
    (Op.PAYLOAD, 17, 1, 255, 8, 8 + 8192),
    (Op.COMMIT, 18, 0, 0, 8, 8),
    (Op.ABORT, 19, 0, 0, 8, 8),
    (Op.SYNC, 20, 0, 0, 0, 0),
)


def _encoded(op: Op, key: int, value: int) -> bytes | None:
    """A record with so many bytes of key and value; None if it is not one."""
    try:
        return Record(op, "k" * key, b"\1" * value).encode()
    except AssertionError:
        return None


@pytest.mark.parametrize(("op", "number", "key_min", "key_max", "value_min", "value_max"), LENGTHS)
def test_a_record_has_these_lengths_and_no_others(
    op: Op, number: int, key_min: int, key_max: int, value_min: int, value_max: int
) -> None:
    for key in {key_min, key_max}:
        for value in {value_min, value_max}:
            data = _encoded(op, key, value)
            assert data is not None
            assert (data[4], len(data)) == (number, 15 + key + value)
            assert decode(data, 0) == (Record(op, "k" * key, b"\1" * value), len(data))
        assert _encoded(op, key, value_max + 1) is None
    assert _encoded(op, key_max + 1, value_max) is None
    for key, value in ((key_min - 1, value_min), (key_min, value_min - 1)):
        assert (min(key, value) < 0) or _encoded(op, key, value) is None


def test_the_longest_records_have_so_many_bytes() -> None:
    assert RECORD_BYTES_MAX == 15 + 255 + 65_536
    assert CALL_BYTES_MAX == 28 + 64 + 65_536
    assert CALL_RECORD_BYTES_MAX == 15 + 255 + CALL_BYTES_MAX
    assert SHAPES[Op.CALL] == (0, 255, 29, CALL_BYTES_MAX)
    assert set(SHAPES) == {Op.CALL, *(row[0] for row in LENGTHS)}


def test_an_end_is_not_a_damage() -> None:
    ends = {fault for fault in Fault if fault.is_end}
    assert ends == {Fault.SHORT_HEADER, Fault.MAGIC, Fault.SHORT}
