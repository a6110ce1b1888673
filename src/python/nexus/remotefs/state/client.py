"""A peer's shared state as a mapping, over whatever carries a frame there and its answer back."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, MutableMapping, ValuesView
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from nexus.remotefs.state.acl import (
    NAMESPACE,
    TRANSFER_BYTES_MAX,
    VALUE_BYTES_MAX,
    is_usable,
)
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.listing import KEYS_MAX, Walk
from nexus.remotefs.state.replies import ADVICE, check_key, check_reply, check_status
from nexus.wire.state import Op, Reply, Request, Status


class LargeValues(Protocol):
    """A carrier of values that no frame has room for; every refusal is a StateError."""

    def get(self, key: str) -> bytes:
        """Return a value."""
        ...

    def put(self, key: str, value: bytes) -> None:
        """Set a value."""
        ...


class StateMap(MutableMapping[str, bytes]):
    """Keys below `/state/shared/`, without that prefix; the laws of mappings hold.

    It is a view of what several peers may change: what goes while it is iterated is left out.  A
    key that cannot be one is absent, and cannot be set (StateError).  Every other refusal is a
    StateError, and what the bus fails with comes through.
    """

    def __init__(
        self,
        call: Callable[[bytes], bytes],
        large: LargeValues | None = None,
        keys_max: int = KEYS_MAX,
    ) -> None:
        """Use a peer.

        Args:
            call: Takes a request's frame and returns the reply's.
            large: Carries values above 128 bytes; without it they are refused.
            keys_max: A peer that lists more keys is not believed.
        """
        self._call = call
        self._large = large
        self._keys_max = keys_max
        self._nonce = 0

    def sync(self) -> None:
        """Return when everything set before survives a power cut."""
        check_status(self._ask(Request(Op.SYNC)), "")

    def __getitem__(self, key: str) -> bytes:
        """Return a value.  Raises KeyError."""
        reply = self._get(key)
        if reply.status is not Status.VALUE_TOO_LARGE or self._large is None:
            return check_status(reply, NAMESPACE + key).value
        try:
            return self._large.get(NAMESPACE + key)
        except StateError as exc:
            if exc.status is Status.NOT_FOUND:
                raise KeyError(key) from exc  # Removed since it was asked for.
            raise

    def __contains__(self, key: object) -> bool:
        """Say whether there is such a key, also of a value that no frame has room for."""
        try:
            reply = self._get(key)
        except KeyError:
            return False
        if reply.status is not Status.VALUE_TOO_LARGE:
            check_status(reply, f"{NAMESPACE}{key}")
        return True

    def __setitem__(self, key: str, value: bytes) -> None:
        """Set a value of 1 to 128 bytes, or to 65,536 where larger ones are carried."""
        if not isinstance(key, str):
            raise TypeError(f"a key is a str, not {type(key).__name__}")
        if not isinstance(value, bytes | bytearray | memoryview):
            raise TypeError(f"a value is bytes, not {type(value).__name__}")
        full, data = NAMESPACE + key, bytes(value)
        check_key(full)
        if len(data) <= VALUE_BYTES_MAX:
            check_status(self._ask(Request(Op.PUT, full, data)), full)
        elif self._large is not None and len(data) <= TRANSFER_BYTES_MAX:
            self._large.put(full, data)
        else:
            raise StateError(Status.VALUE_TOO_LARGE, ADVICE[Status.VALUE_TOO_LARGE])

    def __delitem__(self, key: str) -> None:
        """Remove a key.  Raises KeyError."""
        full = _full(key)
        reply = self._ask(Request(Op.DELETE, full))
        if reply.status is Status.NOT_FOUND:
            raise KeyError(key)
        check_status(reply, full)

    def __iter__(self) -> Iterator[str]:
        """Give all keys in order, page by page."""
        walk = Walk(NAMESPACE, self._keys_max)
        while (request := walk.request) is not None:
            for key in walk.take(self._ask(request)):
                if is_usable(key):
                    yield key.removeprefix(NAMESPACE)

    def __len__(self) -> int:
        """Count the keys; it asks for all of them."""
        return sum(1 for _ in self)

    def items(self) -> ItemsView[str, bytes]:
        """Return a view of keys and values."""
        return _Items(self)

    def values(self) -> ValuesView[bytes]:
        """Return a view of values."""
        return _Values(self)

    def _get(self, key: object) -> Reply:
        reply = self._ask(Request(Op.GET, _full(key)))
        if reply.status is Status.NOT_FOUND:
            raise KeyError(key)
        return reply

    def _ask(self, request: Request) -> Reply:
        self._nonce += 1
        numbered = replace(request, nonce=self._nonce)
        return check_reply(numbered, self._call(numbered.encode()))


class _Items(ItemsView[str, bytes]):
    """Keys and values; what is removed between the one and the other is left out."""

    _mapping: StateMap

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        for key in self._mapping:
            with suppress(KeyError):
                yield key, self._mapping[key]


class _Values(ValuesView[bytes]):
    """Values, as the items have them."""

    _mapping: StateMap

    def __iter__(self) -> Iterator[bytes]:
        # Not by `values()`, which this class is.
        yield from (value for _, value in self._mapping.items())

    def __contains__(self, value: object) -> bool:
        return any(value == each for each in self)


def _full(key: object) -> str:
    """Return the whole key; what cannot be one is absent."""
    if not isinstance(key, str) or not is_usable(NAMESPACE + key):
        raise KeyError(key)
    return NAMESPACE + key
