"""A peer's share of the store, and what is left to others."""

from __future__ import annotations

from nexus.remotefs.state.acl import NAMESPACE
from nexus.remotefs.state.block import MemoryDevice
from nexus.remotefs.state.calls import Known
from nexus.remotefs.state.remote import RemoteState
from nexus.remotefs.state.share import Limits, Share, capacity_of, limits_of
from nexus.remotefs.state.store import Store
from nexus.wire.state import Op, Request, Status, decode_reply

# The cost of one entry under the namespace beside its name and its value.
ENTRY = 15 + len(NAMESPACE)
LARGEST = 15 + 96 + 65_536

SHARE = Share(peer_keys=10, peer_bytes=4000, reserve_keys=1, reserve_bytes=4000)


def put(remote: RemoteState, peer: str, key: str, value: bytes = b"v") -> Status:
    frame = Request(Op.PUT, NAMESPACE + key, value).encode()
    return decode_reply(remote.handle(peer, frame)[0]).status


def test_a_peer_that_fills_its_share_leaves_the_others_theirs() -> None:
    device = MemoryDevice(bytes(64 * 512))
    remote = RemoteState(Store(device), SHARE)
    for number in range(10):
        assert put(remote, "host-1", f"one/{number}") is Status.OK
    for _ in range(2):
        assert put(remote, "host-1", "one/more") is Status.OVER_SHARE
        assert put(remote, "host-1", "one/0", b"changed") is Status.OK
        remote = RemoteState(Store(device), SHARE)
    assert put(remote, "host-2", "one/more") is Status.OK
    # A key that another peer sets is the other's.
    assert put(remote, "host-2", "one/1") is Status.OK
    assert put(remote, "host-1", "one/again") is Status.OK
    assert put(remote, "host-1", "one/more-again") is Status.OVER_SHARE
    frame = Request(Op.DELETE, f"{NAMESPACE}one/2").encode()
    assert decode_reply(remote.handle("host-1", frame)[0]).status is Status.OK
    assert put(remote, "host-1", "one/more-again") is Status.OK


def test_peers_together_leave_the_reserve_to_programs_of_the_node() -> None:
    store = Store(MemoryDevice(bytes(512 * 512)))
    remote = RemoteState(store, Share(peer_keys=1000, reserve_bytes=30_000))
    refused = 0
    for number in range(1200):
        peer = f"host-{number % 4}"
        refused += put(remote, peer, str(number), b"v" * 100) is Status.IO_ERROR
    assert refused > 100
    for number in range(200):
        store.put(f"/state/own/{number}", b"v" * 100)
        store.sync()


def test_what_is_not_in_reserve_is_divided_and_a_largest_value_has_room() -> None:
    assert limits_of(Share(), 8192, 8 << 20).peer_keys == 4096
    assert limits_of(Share(peers=8), 8192, 8 << 20).peer_keys == 960
    assert limits_of(Share(peers=8), 8192, 1 << 18).peer_bytes == 2 * (15 + 96 + 65_536)
    assert limits_of(Share(), 8192, 16_000).all_bytes == 12_000


def test_the_numbers_of_a_share() -> None:
    large = limits_of(Share(), 8192, 8 << 20)
    assert large == Limits(4096, 4 << 20, 8192 - 512, (8 << 20) - (1 << 20))
    # A quarter at most is reserve, and a peer may have a key however many there are.
    assert limits_of(Share(peers=8), 7, 16_000) == Limits(1, 2 * LARGEST, 6, 12_000)
    own = Share(peer_keys=5, peer_bytes=6, reserve_keys=1, reserve_bytes=2)
    assert limits_of(own, 8, 16) == Limits(5, 6, 7, 14)


def test_a_disk_too_small_for_a_largest_value_beside_the_reserve_gives_all_it_has() -> None:
    # Three quarters of a region are what peers get of it.
    bound = LARGEST * 4 // 3
    assert capacity_of(bound, 2 * bound) == 2 * bound
    assert capacity_of(bound, 1) == bound
    assert capacity_of(bound + 1, 2 * bound) == bound + 1


def test_a_share_is_used_to_its_last_byte_and_key() -> None:
    def served(share: Share) -> RemoteState:
        return RemoteState(Store(MemoryDevice(bytes(512 * 512))), share)

    remote = served(Share(peer_bytes=2 * ENTRY + 2 + 20))
    assert put(remote, "host-1", "a", bytes(10)) is Status.OK
    assert put(remote, "host-1", "b", bytes(11)) is Status.OVER_SHARE
    assert put(remote, "host-1", "b", bytes(10)) is Status.OK
    assert put(remote, "host-1", "b", bytes(11)) is Status.OVER_SHARE
    # A value in the place of another costs only the bytes that it is longer; less is always taken.
    assert put(remote, "host-1", "a", bytes(9)) is Status.OK
    assert put(remote, "host-1", "b", bytes(11)) is Status.OK
    assert put(remote, "host-2", "c", bytes(20)) is Status.OK

    remote = served(Share(peer_keys=2))
    assert [put(remote, "host-1", key) for key in "abc"] == [
        Status.OK,
        Status.OK,
        Status.OVER_SHARE,
    ]
    assert put(remote, "host-2", "a") is Status.OK
    assert put(remote, "host-1", "c") is Status.OK, "one of its keys is another's now"


def test_an_entry_of_the_node_itself_is_no_part_of_a_peers_account() -> None:
    store = Store(MemoryDevice(bytes(512 * 512)))
    store.put(f"{NAMESPACE}a", bytes(1000))
    remote = RemoteState(store, Share(peer_keys=1, peer_bytes=ENTRY + 1 + 10))
    assert put(remote, "host-1", "a", bytes(11)) is Status.OVER_SHARE
    assert put(remote, "host-1", "a", bytes(10)) is Status.OK
    assert put(remote, "host-1", "b") is Status.OVER_SHARE


def test_a_frame_that_is_asked_again_is_answered_as_before_after_a_restart() -> None:
    device = MemoryDevice(bytes(64 * 512))
    remote = RemoteState(Store(device))
    frame = Request(Op.PUT, f"{NAMESPACE}k", b"mine", nonce=5).encode()
    named = 7 << 32 | 1
    assert remote.repeat("host-1", frame, named) is Known.RUN
    first, record = remote.handle("host-1", frame, named)
    assert record is not None
    other = Request(Op.PUT, f"{NAMESPACE}k", b"another's").encode()
    assert decode_reply(remote.handle("host-2", other, named)[0]).status is Status.OK
    store = Store(device)
    remote = RemoteState(store)
    assert remote.repeat("host-1", frame, named) == first
    assert remote.repeat("host-1", other, named) is Known.FORGOTTEN
    assert remote.repeat("host-1", frame, 1) is Known.RUN
    assert store.get(f"{NAMESPACE}k") == b"another's"
