"""The states of a stream, what leads from one to the next, and what ends the whole session.

    open -send close-> half-closed-local  -receive close-> closed
    open -receive close-> half-closed-remote -send close-> closed
    any  -reset, sent or received-> reset, which nothing leaves

`mux` obeys this table and has no other way to change a stream's state.  Illegal is absent: of our
own steps a caller's error, of the peer's a reject.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from nexus.contract import mux as contract
from nexus.core.errors import NexusError


class StreamState(Enum):
    """The state of a stream."""

    __hash__ = object.__hash__  # Looked up for every frame; an enumeration has its own, slower.

    OPEN = "open"
    HALF_CLOSED_LOCAL = "half-closed-local"
    HALF_CLOSED_REMOTE = "half-closed-remote"
    CLOSED = "closed"
    RESET = "reset"


class StreamStep(Enum):
    """An event of a stream."""

    __hash__ = object.__hash__  # Looked up for every frame; an enumeration has its own, slower.

    SEND_DATA = "send data"
    SEND_CLOSE = "send close"
    SEND_RESET = "send reset"
    RECEIVE_DATA = "receive data"
    RECEIVE_CREDIT = "receive credit"
    RECEIVE_CLOSE = "receive close"
    RECEIVE_RESET = "receive reset"


_O, _L, _R = StreamState.OPEN, StreamState.HALF_CLOSED_LOCAL, StreamState.HALF_CLOSED_REMOTE
_C, _X = StreamState.CLOSED, StreamState.RESET
_S = StreamStep

STREAM_TRANSITIONS: Final[Mapping[tuple[StreamState, StreamStep], StreamState]] = {
    (_O, _S.SEND_DATA): _O,
    (_O, _S.RECEIVE_DATA): _O,
    (_O, _S.RECEIVE_CREDIT): _O,
    (_O, _S.SEND_CLOSE): _L,
    (_O, _S.RECEIVE_CLOSE): _R,
    (_L, _S.RECEIVE_DATA): _L,
    (_L, _S.RECEIVE_CREDIT): _L,  # For what was sent before the close.
    (_L, _S.RECEIVE_CLOSE): _C,
    (_R, _S.SEND_DATA): _R,
    (_R, _S.RECEIVE_CREDIT): _R,
    (_R, _S.SEND_CLOSE): _C,
    (_C, _S.RECEIVE_CREDIT): _C,  # The peer reads on after both have closed.
    (_C, _S.RECEIVE_RESET): _C,  # It crossed our close.
    **{(state, _S.SEND_RESET): _X for state in (_O, _L, _R, _X)},
    **{(state, _S.RECEIVE_RESET): _X for state in (_O, _L, _R, _X)},
}

Reject = contract.Reject


class MuxRejectError(NexusError):
    """The peer broke the rules of streams: end the session, and record the label."""

    def __init__(self, reject: Reject, detail: str = "") -> None:
        """Join the label and, for people, what was found."""
        self.reject = reject
        super().__init__(f"{reject.value}: {detail}" if detail else reject.value)


ResetReason = contract.ResetReason
