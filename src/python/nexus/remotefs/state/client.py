"""A peer's shared state as a mapping, over whatever carries a frame there and its answer back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import Protocol

from nexus.remotefs.state.acl import LIST_MAX, NAMESPACE, TRANSFER_BYTES_MAX, VALUE_BYTES_MAX
from nexus.remotefs.state.replies import ADVICE, check_reply, check_status
from nexus.remotefs.state.store import StateError
from nexus.wire.state import Op, Reply, Request, Status


class LargeValues(Protocol):
    """What carries values that no frame has room for; every refusal is a StateError."""

    def get(self, key: str) -> bytes:
        """Return a value."""
        ...

    def put(self, key: str, value: bytes) -> None:
        """Set a value."""
        ...


class StateMap(MutableMapping[str, bytes]):
    """Keys below `/state/shared/`, without that prefix.

    Iteration sees the first keys that one answer has room for, as the protocol has no cursor.
    """

    def __init__(self, call: Callable[[bytes], bytes], large: LargeValues | None = None) -> None:
        """Use a peer.

        Args:
            call: Takes a request's frame and returns the reply's.
            large: Carries values above 128 bytes; without it they are refused.
        """
        self._call = call
        self._large = large
        self._nonce = 0

    def sync(self) -> None:
        """Return when everything set before survives a power cut."""
        self._ask(Request(Op.SYNC))

    def __getitem__(self, key: str) -> bytes:
        """Return a value."""
        try:
            return self._ask(Request(Op.GET, NAMESPACE + key)).value
        except StateError as exc:
            if exc.status is not Status.VALUE_TOO_LARGE or self._large is None:
                raise
        return self._large.get(NAMESPACE + key)

    def __setitem__(self, key: str, value: bytes) -> None:
        """Set a value of 1 to 128 bytes, or to 65,536 where larger ones are carried."""
        if len(value) <= VALUE_BYTES_MAX:
            self._ask(Request(Op.PUT, NAMESPACE + key, value))
        elif self._large is not None and len(value) <= TRANSFER_BYTES_MAX:
            self._large.put(NAMESPACE + key, value)
        else:
            raise StateError(Status.VALUE_TOO_LARGE, ADVICE[Status.VALUE_TOO_LARGE])

    def __delitem__(self, key: str) -> None:
        """Remove a key."""
        self._ask(Request(Op.DELETE, NAMESPACE + key))

    def __iter__(self) -> Iterator[str]:
        """Give the keys in order."""
        reply = self._ask(Request(Op.LIST, NAMESPACE, limit=LIST_MAX))
        return iter([key.removeprefix(NAMESPACE) for key in reply.keys])

    def __len__(self) -> int:
        """Count the keys that `iter` gives."""
        return sum(1 for _ in self)

    def _ask(self, request: Request) -> Reply:
        self._nonce += 1
        numbered = Request(request.op, request.key, request.value, request.limit, nonce=self._nonce)
        reply = check_reply(numbered, self._call(numbered.encode()))
        if reply.status is Status.NOT_FOUND and request.key:
            raise KeyError(request.key.removeprefix(NAMESPACE))
        return check_status(reply, request.key)
