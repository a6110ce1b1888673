"""The effect of records on entries, on open transactions and on the memory of peers' calls."""

from __future__ import annotations

import pytest

from nexus.remotefs.state.call import Call, CallValue, Kind
from nexus.remotefs.state.calls import Known
from nexus.remotefs.state.contents import TXN_BYTES_MAX, TXNS_BYTES_MAX, TXNS_MAX, Contents
from nexus.remotefs.state.record import (
    CHUNK_BYTES_MAX,
    VALUE_BYTES_MAX,
    Op,
    Record,
    encode_checkpoint,
    encode_id,
)
from nexus.wire.state import Status

KEY = "/state/shared/a"
CALL = Call("host-1", 7 << 32 | 1, b"d" * 16)


def called(kind: Kind, key: str = "", rest: bytes = b"", call: Call = CALL) -> Record:
    return Record(Op.CALL, key, CallValue(kind, call, rest=rest).encode())


def of(*records: Record) -> Contents:
    contents = Contents()
    for record in records:
        contents.apply(record)
    return contents


def filled(contents: Contents, txn: int, sizes: list[int]) -> None:
    """Put chunks into an open transaction, each under a key of its own where it must be."""
    contents.apply(Record(Op.PREPARE, "", encode_id(txn)))
    for number, size in enumerate(sizes):
        key = f"/{txn}/{number * CHUNK_BYTES_MAX // VALUE_BYTES_MAX}"
        assert contents.check_chunk(txn, key, bytes(size)) is Status.OK
        contents.apply(Record(Op.PAYLOAD, key, encode_id(txn) + bytes(size)))


def test_a_snapshot_begins_with_nothing() -> None:
    contents = of(
        Record(Op.PUT, "/own", b"1"),
        called(Kind.PUT, KEY, b"2"),
        Record(Op.PREPARE, "", encode_id(1)),
        encode_checkpoint(3, 0),
    )
    assert (contents.entries, contents.open, contents.owners) == ({}, {}, {})
    assert contents.calls.judge(CALL) is Known.RUN
    assert contents.live_bytes == Contents().live_bytes
    contents.apply(Record(Op.PUT, KEY, b"value"))
    assert contents.live_bytes == Contents().live_bytes + 15 + len(KEY) + 5


def test_a_change_that_is_taken_back_is_not_remembered() -> None:
    contents = of(Record(Op.PUT, KEY, b"before"))
    size, memory = contents.live_bytes, contents.memory()
    contents.apply(called(Kind.PUT, KEY, b"after"))
    assert (contents.owners, contents.calls.judge(CALL)) == ({KEY: "host-1"}, 0)
    contents.restore({KEY: b"before"}, memory)
    assert (contents.entries, contents.owners) == ({KEY: b"before"}, {})
    assert contents.calls.judge(CALL) is Known.RUN
    assert contents.live_bytes == size


@pytest.mark.parametrize("is_open", [True, False])
def test_a_transaction_that_a_peer_commits_is_its_own_and_its_id_is_used(is_open: bool) -> None:
    contents = Contents()
    opening = [
        Record(Op.PREPARE, "", encode_id(6)),
        Record(Op.PAYLOAD, KEY, encode_id(6) + b"value"),
    ]
    for record in opening if is_open else []:
        contents.apply(record)
    contents.apply(called(Kind.COMMIT, rest=encode_id(6)))
    assert contents.next_id == 7
    assert contents.entries == ({KEY: b"value"} if is_open else {})
    assert contents.owners == ({KEY: "host-1"} if is_open else {})
    assert contents.calls.judge(CALL) == (0 if is_open else Known.RUN)
    contents.apply(called(Kind.COMMIT, rest=encode_id(2)))
    assert contents.next_id == 7, "an id is never used again"


def test_a_transaction_is_full_at_its_bound_and_not_before() -> None:
    contents = Contents()
    whole = TXN_BYTES_MAX // CHUNK_BYTES_MAX
    filled(contents, 1, [CHUNK_BYTES_MAX] * (whole - 1) + [CHUNK_BYTES_MAX - 2])
    assert contents.check_chunk(1, "/more", b"1") is Status.OK
    assert contents.check_chunk(1, "/more", b"12") is Status.OK
    assert contents.check_chunk(1, "/more", b"123") is Status.TXN_LIMIT


def test_all_transactions_together_are_full_at_their_bound() -> None:
    contents = Contents()
    whole = TXN_BYTES_MAX // CHUNK_BYTES_MAX
    filled(contents, 1, [CHUNK_BYTES_MAX] * whole)
    filled(contents, 2, [CHUNK_BYTES_MAX] * (whole - 1))
    filled(contents, 3, [CHUNK_BYTES_MAX - 2])
    assert TXNS_BYTES_MAX == 2 * TXN_BYTES_MAX
    assert contents.check_chunk(3, "/more", b"12") is Status.OK
    assert contents.check_chunk(3, "/more", b"123") is Status.TXN_LIMIT


def test_a_value_is_full_at_its_bound() -> None:
    contents = Contents()
    filled(contents, 1, [CHUNK_BYTES_MAX] * (VALUE_BYTES_MAX // CHUNK_BYTES_MAX - 1))
    assert contents.check_chunk(1, "/1/0", bytes(CHUNK_BYTES_MAX)) is Status.OK
    assert contents.check_chunk(1, "/1/0", bytes(CHUNK_BYTES_MAX + 1)) is Status.VALUE_TOO_LARGE
    contents.apply(Record(Op.PAYLOAD, "/1/0", encode_id(1) + b"1"))
    assert contents.check_chunk(1, "/1/0", bytes(CHUNK_BYTES_MAX)) is Status.VALUE_TOO_LARGE
    assert contents.check_chunk(9, "/1/0", b"1") is Status.NOT_FOUND


def held_of(contents: Contents, peer: str) -> tuple[int, int]:
    account = contents.calls.peers[peer]
    return account.keys, account.bytes


def test_what_a_peer_holds_is_counted_in_keys_and_bytes() -> None:
    other = Call("host-2", 7 << 32 | 1)
    contents = of(called(Kind.PUT, KEY, b"12345"), called(Kind.PUT, "/b", b"1"))
    assert held_of(contents, "host-1") == (2, len(KEY) + 5 + 3)
    contents.apply(called(Kind.PUT, KEY, b"123", other))
    assert held_of(contents, "host-1") == (1, 3)
    assert held_of(contents, "host-2") == (1, len(KEY) + 3)
    contents.apply(called(Kind.PUT, KEY, b"", other))
    assert held_of(contents, "host-2") == (1, len(KEY))
    contents.apply(Record(Op.PUT, KEY, b"of the node itself"))
    assert held_of(contents, "host-2") == (0, 0)
    contents.apply(Record(Op.DELETE, "/b"))
    assert held_of(contents, "host-1") == (0, 0)


def test_a_snapshot_says_which_entries_are_whose_by_their_places() -> None:
    contents = of(*(Record(Op.PUT, f"/{number}", b"x") for number in range(3)))
    places = b"".join(place.to_bytes(2, "little") for place in (0, 2, 3, 65535))
    contents.apply(called(Kind.OWN, rest=places))
    assert contents.owners == {"/0": "host-1", "/2": "host-1"}, "there is no fourth entry"
    assert held_of(contents, "host-1") == (2, 6)


def test_no_more_transactions_are_open_than_may_be() -> None:
    contents = of(*(Record(Op.PREPARE, "", encode_id(txn)) for txn in range(1, TXNS_MAX + 2)))
    assert sorted(contents.open) == list(range(1, TXNS_MAX + 1))
    contents.apply(Record(Op.PAYLOAD, KEY, encode_id(3) + b"old"))
    contents.apply(Record(Op.PREPARE, "", encode_id(3)))
    assert 3 in contents.open, "one that begins anew takes its own place"
    contents.apply(Record(Op.COMMIT, "", encode_id(3)))
    assert contents.entries == {}
    contents.apply(Record(Op.ABORT, "", encode_id(4)))
    contents.apply(Record(Op.PREPARE, "", encode_id(30)))
    contents.apply(Record(Op.PREPARE, "", encode_id(31)))
    assert sorted(contents.open) == [1, 2, 5, 6, 7, 8, 30, 31]


def test_a_chunk_that_may_not_be_ends_its_transaction() -> None:
    contents = of(Record(Op.PREPARE, "", encode_id(1)))
    contents.apply(Record(Op.PAYLOAD, KEY, encode_id(1) + bytes(CHUNK_BYTES_MAX)))
    for _ in range(VALUE_BYTES_MAX // CHUNK_BYTES_MAX):
        contents.apply(Record(Op.PAYLOAD, KEY, encode_id(1) + bytes(CHUNK_BYTES_MAX)))
    assert contents.open == {}
