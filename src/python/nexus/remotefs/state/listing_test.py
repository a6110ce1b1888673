"""A walk over a peer's keys: when it is over, where it goes on, and what it does not believe."""

from __future__ import annotations

import pytest

from nexus.remotefs.state.acl import KEY_BYTES_MAX, LIST_MAX, NAMESPACE, REPLY_BYTES_MAX
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.listing import KEYS_MAX, Walk, is_last_page
from nexus.wire.state import KEY_BYTES_MAX as STORED_KEY_BYTES_MAX
from nexus.wire.state import Op, Reply, Status


def answer(*keys: str, status: Status = Status.OK) -> Reply:
    return Reply(Op.LIST, status, keys=keys, nonce=0)


def page_of(size: int) -> tuple[str, ...]:
    """Return keys of which an answer has exactly so many bytes."""
    keys: list[str] = []
    left = size - len(answer().encode())
    while left:
        length = min(left - 2, 200) if left - 2 <= 200 or left - 2 - 200 > 20 else 100
        keys.append(f"{NAMESPACE}{len(keys):03}".ljust(length, "k"))
        left -= 2 + length
    assert len(answer(*keys).encode()) == size
    return tuple(keys)


@pytest.mark.parametrize("key_bytes", [KEY_BYTES_MAX, STORED_KEY_BYTES_MAX])
def test_a_page_is_the_last_if_one_key_more_would_have_had_room(key_bytes: int) -> None:
    most = REPLY_BYTES_MAX - 2 - key_bytes
    assert is_last_page(page_of(most), LIST_MAX, key_bytes)
    assert not is_last_page(page_of(most + 1), LIST_MAX, key_bytes)


def test_a_page_of_as_many_keys_as_were_asked_for_is_not_the_last() -> None:
    assert is_last_page(("a", "b"), 3)
    assert not is_last_page(("a", "b", "c"), 3)


def test_a_walk_goes_on_behind_the_last_key_until_a_page_had_room() -> None:
    walk = Walk(NAMESPACE)
    first = page_of(REPLY_BYTES_MAX)
    assert walk.request is not None
    assert (walk.request.key, walk.request.limit, walk.request.after) == (NAMESPACE, LIST_MAX, "")
    assert walk.take(answer(*first)) == first
    assert walk.request is not None
    # A key longer than peers may name is stood for by what comes before all that begin alike.
    assert first[-1].startswith(walk.request.after[:-1])
    assert walk.take(answer(f"{NAMESPACE}z")) == (f"{NAMESPACE}z",)
    assert walk.request is None


def test_an_empty_page_ends_a_walk() -> None:
    walk = Walk(NAMESPACE)
    assert walk.take(answer()) == ()
    assert walk.request is None


def test_a_peer_that_cannot_continue_is_believed_where_the_page_could_be_the_last() -> None:
    walk = Walk(NAMESPACE)
    # Room for a key that peers may use, none for the longest of the node's own.
    walk.take(answer(*page_of(REPLY_BYTES_MAX - 2 - KEY_BYTES_MAX)))
    assert walk.request is not None
    assert walk.take(answer(status=Status.MALFORMED)) == ()
    assert walk.request is None


def test_a_peer_that_cannot_continue_a_full_page_is_named_as_old() -> None:
    walk = Walk(NAMESPACE)
    walk.take(answer(*page_of(REPLY_BYTES_MAX - 1 - KEY_BYTES_MAX)))
    with pytest.raises(StateError, match="bring the peer up to date") as caught:
        walk.take(answer(status=Status.MALFORMED))
    assert caught.value.status is Status.UNSUPPORTED
    assert walk.request is None


@pytest.mark.parametrize("status", [Status.MALFORMED, Status.ACCESS_DENIED, Status.IO_ERROR])
def test_a_refusal_of_the_first_page_is_the_walks(status: Status) -> None:
    with pytest.raises(StateError) as caught:
        Walk(NAMESPACE).take(answer(status=status))
    assert caught.value.status is status


@pytest.mark.parametrize(
    "keys",
    [("/state/other",), (f"{NAMESPACE}b", f"{NAMESPACE}a"), (f"{NAMESPACE}a", f"{NAMESPACE}a")],
)
def test_keys_out_of_order_or_of_another_prefix_are_nonsense(keys: tuple[str, ...]) -> None:
    with pytest.raises(StateError, match="is not in order, or not of") as caught:
        Walk(NAMESPACE).take(answer(*keys))
    assert caught.value.status is Status.IO_ERROR


def test_a_peer_that_repeats_its_last_key_is_not_followed_for_ever() -> None:
    walk = Walk(NAMESPACE)
    keys = tuple(f"{NAMESPACE}{n:03}" for n in range(LIST_MAX))
    walk.take(answer(*keys))
    with pytest.raises(StateError, match="is not in order"):
        walk.take(answer(keys[-1]))


def test_a_peer_with_more_keys_than_a_store_holds_is_not_believed() -> None:
    keys = tuple(f"{NAMESPACE}{n}" for n in range(3))
    assert Walk(NAMESPACE, keys_max=3).take(answer(*keys)) == keys
    with pytest.raises(StateError, match="lists more than 2 keys") as caught:
        Walk(NAMESPACE, keys_max=2).take(answer(*keys))
    assert caught.value.status is Status.IO_ERROR
    assert KEYS_MAX == 100_000
