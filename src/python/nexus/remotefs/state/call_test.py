"""Records of peers' calls: bytes, shapes, and what is remembered of them."""

from __future__ import annotations

import pytest

from nexus.remotefs.state.block import MemoryDevice
from nexus.remotefs.state.call import Call, CallValue, Kind, decode_call, digest_of
from nexus.remotefs.state.calls import CALLS_MAX, EPOCHS_MAX, PEERS_MAX, Known
from nexus.remotefs.state.record import Fault, Op, Record, decode
from nexus.remotefs.state.store import Store
from nexus.wire.state import Status

EPOCH = 7 << 32
GOLDEN = b"\1\0\6\0" + b"\7\0\0\0\1\0\0\0" + b"d" * 16 + b"host-1" + b"value"


def call_of(number: int, peer: str = "host-1", digest: bytes = b"d" * 16) -> Call:
    return Call(peer, EPOCH | number, digest)


def test_the_golden_value_both_ways_and_every_truncation() -> None:
    value = CallValue(Kind.PUT, Call("host-1", 0x1_0000_0007, b"d" * 16), rest=b"value")
    assert value.encode() == GOLDEN
    assert decode_call(1, GOLDEN) == value
    assert decode_call(0, GOLDEN) is None
    assert all(decode_call(1, GOLDEN[:length]) is None for length in range(34))


@pytest.mark.parametrize(
    ("kind", "key_bytes", "rest_bytes", "is_one"),
    [
        (0, 0, 0, True),
        (0, 1, 0, False),
        (0, 0, 1, False),
        (1, 1, 65_536, True),
        (1, 1, 65_537, False),
        (2, 1, 0, True),
        (2, 1, 1, False),
        (2, 0, 0, False),
        (3, 0, 8, True),
        (3, 0, 0, False),
        (3, 0, 7, False),
        (3, 1, 8, False),
        (4, 0, 6, True),
        (4, 0, 5, False),
        (5, 0, 42, True),
        (5, 0, 41, False),
        (6, 0, 0, False),
    ],
)
def test_each_kind_has_its_shape(kind: int, key_bytes: int, rest_bytes: int, is_one: bool) -> None:
    data = bytes([kind, 0, 1, 0]) + bytes(24) + b"x" * (1 + rest_bytes)
    assert (decode_call(key_bytes, data) is not None) == is_one


def test_a_peer_is_text_and_the_reserved_byte_is_zero() -> None:
    assert decode_call(1, GOLDEN[:3] + b"\1" + GOLDEN[4:]) is None
    assert decode_call(1, GOLDEN[:28] + b"\xff" + GOLDEN[29:]) is None
    assert decode_call(1, GOLDEN[:2] + b"\x41" + GOLDEN[3:28] + bytes(65)) is None
    bad = Record(Op.CALL, "", GOLDEN).encode()
    assert decode(bad, 0) is Fault.CALL


@pytest.mark.parametrize("peer_bytes", [1, 63, 64])
def test_the_name_of_a_peer_is_as_long_as_it_says(peer_bytes: int) -> None:
    found = decode_call(1, bytes([1, 0, peer_bytes, 0]) + bytes(24) + b"x" * 80)
    assert found is not None
    assert (len(found.call.peer), len(found.rest)) == (peer_bytes, 80 - peer_bytes)


@pytest.mark.parametrize("peer_bytes", [0, 65])
def test_the_name_of_a_peer_has_its_bounds(peer_bytes: int) -> None:
    assert decode_call(1, bytes([1, 0, peer_bytes, 0]) + bytes(24) + b"x" * 80) is None


def test_what_is_remembered_is_measured_as_it_is_written() -> None:
    store = Store(MemoryDevice(bytes(400 * 512)))
    for number in range(1, 40):
        peer, epoch = f"host-{number % 3}", (number % 4 + 1) << 32
        key = f"/state/shared/{number % 7}"
        store.set_durably(key, bytes(number), Call(peer, epoch | number, b"d" * 16))
    store.put("/state/own", b"of no peer")
    contents = store.contents
    written = list(contents.calls.snapshot(sorted(contents.entries), contents.owners))
    assert contents.calls.measure(15) == (
        len(written),
        sum(15 + len(value) for value in written),
    )
    assert len(written) > 12, "each peer owns something and has called in each epoch"


def test_both_engines_know_a_request_by_the_same_digest() -> None:
    # Computed by src/guest/lib/dsoftbus/replay.zig as well.
    assert digest_of(4, b"SF\1\5").hex() == "62d8a11d6cc6d142c806992901499c36"


def test_a_change_that_is_asked_for_again_is_known_after_a_restart_and_a_compaction() -> None:
    device = MemoryDevice(bytes(72 * 512))
    store = Store(device)
    assert store.judge(call_of(1)) is Known.RUN
    assert store.set_durably("/a", b"1", call_of(1))
    assert not store.set_durably("/b", None, call_of(2))
    assert store.set_durably("/a", None, call_of(3))
    for _ in range(3):
        assert store.judge(call_of(1)) is Status.OK
        assert store.judge(call_of(2)) is Status.NOT_FOUND
        assert store.judge(call_of(3)) is Status.OK
        assert store.judge(call_of(4)) is Known.RUN
        assert store.judge(call_of(1, "host-2")) is Known.RUN
        assert store.judge(call_of(1, digest=bytes(16))) is Known.FORGOTTEN
        assert store.judge(call_of(0)) is Known.FORGOTTEN
        store = Store(device)
        store.compact()


def test_the_oldest_is_forgotten_where_there_are_most_and_never_run_again() -> None:
    device = MemoryDevice(bytes(512 * 512))
    store = Store(device)
    store.put_for(call_of(1, "host-2"), "/b", b"")
    for number in range(1, CALLS_MAX + 10):
        store.put_for(call_of(number), "/a", b"")
    for _ in range(2):
        assert store.judge(call_of(10)) is Known.FORGOTTEN
        assert store.judge(call_of(11)) is Status.OK
        assert store.judge(call_of(1, "host-2")) is Status.OK
        store.compact()
        store.sync()
        store = Store(device)


def test_peers_and_epochs_that_were_used_longest_ago_make_room() -> None:
    device = MemoryDevice(bytes(512 * 512))
    store = Store(device)
    for number in range(PEERS_MAX + 1):
        store.put_for(Call(f"host-{number}", EPOCH | 1), f"/{number}", b"v")
    for epoch in range(1, EPOCHS_MAX + 2):
        store.put_for(Call("host-9", epoch << 40 | 1), "/9", b"v")
    for _ in range(2):
        peers = store.contents.calls.peers
        assert "host-0" not in peers
        assert len(peers) == PEERS_MAX
        assert store.contents.owners.get("/0") is None
        assert all(account.keys == 1 for account in peers.values())
        assert store.judge(Call("host-9", 1 << 40 | 1)) is Known.RUN
        assert store.judge(Call("host-9", 3 << 40 | 1)) is Status.OK
        store.compact()
        store.sync()
        store = Store(device)
