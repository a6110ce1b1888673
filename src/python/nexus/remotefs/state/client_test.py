"""The laws of mappings, over a store of many keys and over peers that are old, odd or false."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.remotefs.state.acl import KEY_BYTES_MAX, NAMESPACE
from nexus.remotefs.state.block import MemoryDevice
from nexus.remotefs.state.client import StateMap
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.remote import RemoteState
from nexus.remotefs.state.store import Store
from nexus.wire.state import Op, Reply, Status, decode_request

ROOM = KEY_BYTES_MAX - len(NAMESPACE)


class Peer:
    """A node that answers, and the values that no frame has room for."""

    def __init__(self, **entries: bytes) -> None:
        """Hold these entries."""
        self.store = Store(MemoryDevice(bytes(512 * 4096)))
        self.remote = RemoteState(self.store)
        for key, value in entries.items():
            self.store.put(NAMESPACE + key, value)
        self.asked: list[Op] = []

    def call(self, frame: bytes) -> bytes:
        """Answer a frame."""
        self.asked.append(decode_request(frame).op)
        return self.remote.handle("node-a", frame)[0]

    def get(self, key: str) -> bytes:
        """Return a value above a frame."""
        value = self.store.get(key)
        if value is None:
            raise StateError(Status.NOT_FOUND)
        return value

    def put(self, key: str, value: bytes) -> None:
        """Set a value above a frame."""
        assert self.remote.change(key, value) is Status.OK


def shared(peer: Peer) -> StateMap:
    return StateMap(peer.call, peer)


@pytest.mark.parametrize("count", [0, 1, 21, 22, 63, 64, 65, 200, 500])
@pytest.mark.parametrize("length", [6, ROOM])
def test_it_is_the_dictionary_of_all_keys(count: int, length: int) -> None:
    wanted = {f"{number:0{length}}": bytes([number % 255 + 1]) for number in range(count)}
    found = shared(Peer(**wanted))
    assert list(found) == sorted(wanted)
    assert list(found.keys()) == sorted(wanted)
    assert len(found) == count
    assert found == wanted
    assert wanted == found
    assert dict(found.items()) == wanted
    assert list(found.values()) == [wanted[key] for key in sorted(wanted)]
    assert all(key in found for key in wanted)
    assert found != {**wanted, "one": b"more"}


# Characters of keys, some of which sort oddly: controls, ends of planes, those of 1 to 4 bytes.
CHARACTERS = st.sampled_from("\x01\n\x1b\x7f az/ZéĀ\u2028\ud7ff\ue000\uffff\U00010000\U0010ffff")
NAMES = st.text(CHARACTERS, min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(NAMES, st.binary(min_size=1, max_size=300), max_size=40))
def test_any_names_and_values(entries: dict[str, bytes]) -> None:
    peer = Peer()
    found: MutableMapping[str, bytes] = shared(peer)
    model: dict[str, bytes] = {}
    for key, value in entries.items():
        with suppress(StateError):
            found[key] = value
            model[key] = value
    assert all(key not in found for key in entries.keys() - model.keys())
    assert list(found) == sorted(model)
    assert found == model
    for key in sorted(model)[::2]:
        assert found.pop(key) == model.pop(key)
    assert found == model
    found.clear()
    assert not found
    assert not peer.store.snapshot()


FOREIGN = [
    "../keystore/x", "a\\b", "a\0", "a//b", "a/./b", "a/..", "", "\udcff", "k" * (ROOM + 1),
    "k" * 300, 5, None, b"k", ("k",),
]  # fmt: skip


@pytest.mark.parametrize("key", FOREIGN, ids=repr)
def test_what_cannot_be_a_key_is_absent(key: str) -> None:
    found = shared(Peer(k=b"v"))
    assert key not in found
    assert found.get(key, b"?") == b"?"
    assert found.pop(key, b"?") == b"?"
    with pytest.raises(KeyError):
        found[key]
    with pytest.raises(KeyError):
        del found[key]
    with pytest.raises((StateError, TypeError)):
        found[key] = b"v"
    assert found == {"k": b"v"}


@pytest.mark.parametrize("value", ["text", None, 5, [1]])
def test_what_cannot_be_a_value_is_refused(value: bytes) -> None:
    found = shared(Peer())
    with pytest.raises(TypeError, match="a value is bytes, not"):
        found["k"] = value


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_any_bytes_are_a_value(kind: Callable[[bytes], bytes]) -> None:
    found = shared(Peer())
    found["k"] = kind(b"v" * 200)
    assert found["k"] == b"v" * 200


def test_a_large_value_is_there_without_what_carries_it() -> None:
    peer = Peer(k=bytes(1000))
    assert "k" in StateMap(peer.call)
    with pytest.raises(StateError, match="value_too_large"):
        StateMap(peer.call)["k"]
    assert shared(peer)["k"] == bytes(1000)


def test_keys_of_the_nodes_own_that_no_peer_can_use_hide_no_others() -> None:
    peer = Peer(a=b"1", z=b"2")
    for middle in range(40):
        peer.store.put(f"{NAMESPACE}{'m' * 200}{middle:03}", b"own")
    peer.store.put(f"{NAMESPACE}back\\slash", b"own")
    peer.store.put(f"{NAMESPACE}{'é' * 60}{'z' * 60}", b"own")
    assert list(shared(peer)) == ["a", "z"]


def test_what_goes_while_it_is_looked_at_is_left_out() -> None:
    peer = Peer(a=b"1", b=bytes(400), c=b"3")

    def call(frame: bytes) -> bytes:
        reply = peer.call(frame)
        if decode_request(frame).op is Op.LIST:
            peer.store.delete(f"{NAMESPACE}a")
            peer.store.delete(f"{NAMESPACE}b")
        return reply

    assert dict(StateMap(call, peer).items()) == {"c": b"3"}
    assert list(StateMap(call, peer).values()) == [b"3"]


def test_a_key_that_goes_between_frame_and_transfer_is_absent() -> None:
    class Gone(Peer):
        def get(self, key: str) -> bytes:
            raise StateError(Status.NOT_FOUND, key)

    with pytest.raises(KeyError):
        shared(Gone(k=bytes(600)))["k"]


def old(peer: Peer) -> StateMap:
    """A peer from before lists could be continued: the longer frame is malformed to it."""

    def call(frame: bytes) -> bytes:
        if decode_request(frame).after:
            return Reply(Op.LIST, Status.MALFORMED, is_bare=True).encode()
        return peer.call(frame)

    return StateMap(call, peer)


def test_an_old_peer_is_complete_or_an_error_and_never_less() -> None:
    few = {f"{number:020}": b"v" for number in range(8)}
    assert dict(old(Peer(**few))) == few
    many = {f"{number:020}": b"v" for number in range(20)}
    for use in (list, len, dict):
        with pytest.raises(StateError, match="unsupported: the peer has more keys than one"):
            use(old(Peer(**many)))


@pytest.mark.parametrize(
    "keys",
    [(NAMESPACE + "b", NAMESPACE + "a"), (NAMESPACE + "a", NAMESPACE + "a"), ("/state/x",)],
    ids=["disordered", "repeated", "elsewhere"],
)
def test_a_false_list_is_an_error(keys: tuple[str, ...]) -> None:
    with pytest.raises(StateError, match="is not in order, or not of"):
        list(StateMap(lambda frame: listed(frame, keys)))


def test_the_prefix_alone_is_left_out_of_a_list() -> None:
    assert list(StateMap(lambda frame: listed(frame, (NAMESPACE,)))) == []


def listed(frame: bytes, keys: tuple[str, ...]) -> bytes:
    """The reply that lists these keys."""
    nonce = decode_request(frame).nonce
    return Reply(Op.LIST, Status.OK, keys=keys, nonce=nonce).encode()


def test_an_endless_list_ends() -> None:
    number = 0

    def call(frame: bytes) -> bytes:
        nonlocal number
        number += 64
        keys = tuple(f"{NAMESPACE}{each:06}" for each in range(number, number + 64))
        return Reply(Op.LIST, Status.OK, keys=keys, nonce=decode_request(frame).nonce).encode()

    found = StateMap(call, keys_max=1000)
    with pytest.raises(StateError, match="lists more than 1000 keys"):
        len(found)


def test_a_page_costs_one_call() -> None:
    peer = Peer(**{f"{number:03}": b"v" for number in range(200)})
    assert len(shared(peer)) == 200
    assert 8 <= len(peer.asked) <= 12, "some 26 of these keys have room in an answer"
