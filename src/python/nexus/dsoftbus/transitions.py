"""The states of a session and what leads from one to the next, for both roles.

    dialler      idle -dial-> await-reply -reply-> proven -admit-> confirming -frame-> ready
    responder    idle -hello-> await-proof -proof-> proven -admit-> ready
    either       any -close-> closed, which nothing leaves

`session` obeys these tables and has no other way to change its state.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from nexus.contract import bus as contract
from nexus.dsoftbus.noise import TAG_BYTES, Role
from nexus.wire.gateway import FRAME_BYTES_MAX

DEVICE_ID_BYTES_MAX: Final = contract.DEVICE_ID_BYTES_MAX
MESSAGE_BYTES_MAX: Final = FRAME_BYTES_MAX + TAG_BYTES


class State(Enum):
    """The state of a connection."""

    __hash__ = object.__hash__  # Looked up for every frame; an enumeration has its own, slower.

    IDLE = "idle"
    AWAIT_REPLY = "await-reply"
    AWAIT_PROOF = "await-proof"
    PROVEN = "proven"
    CONFIRMING = "confirming"
    READY = "ready"
    CLOSED = "closed"


class Step(Enum):
    """An event of a connection."""

    __hash__ = object.__hash__  # Looked up for every frame; an enumeration has its own, slower.

    DIAL = "dial"
    HELLO = "hello"
    REPLY = "reply"
    PROOF = "proof"
    ADMIT = "admit"
    FRAME = "frame"
    SEND = "send"
    CLOSE = "close"


_I, _R = Role.INITIATOR, Role.RESPONDER

# Illegal is absent.  `CLOSE` is added below for every state but `CLOSED`.
_FORWARD: Final[Mapping[tuple[Role, State, Step], State]] = {
    (_I, State.IDLE, Step.DIAL): State.AWAIT_REPLY,  # -> e, es
    (_I, State.AWAIT_REPLY, Step.REPLY): State.PROVEN,  # <- e, ee, device id
    (_I, State.PROVEN, Step.ADMIT): State.CONFIRMING,  # -> s, se, device id; then a ping
    (_I, State.CONFIRMING, Step.FRAME): State.READY,
    (_I, State.READY, Step.FRAME): State.READY,
    (_I, State.READY, Step.SEND): State.READY,
    (_R, State.IDLE, Step.HELLO): State.AWAIT_PROOF,  # <- e, es; then -> e, ee, device id
    (_R, State.AWAIT_PROOF, Step.PROOF): State.PROVEN,  # <- s, se, device id
    (_R, State.PROVEN, Step.ADMIT): State.READY,
    (_R, State.READY, Step.FRAME): State.READY,
    (_R, State.READY, Step.SEND): State.READY,
}
TRANSITIONS: Final[Mapping[tuple[Role, State, Step], State]] = {
    **_FORWARD,
    **{
        (role, state, Step.CLOSE): State.CLOSED
        for role in Role
        for state in State
        if state is not State.CLOSED
    },
}

# The next message and its longest form, by role and state; absent: none is read now.
EXPECTED: Final[Mapping[tuple[Role, State], tuple[Step, int, int]]] = {
    (_R, State.IDLE): (Step.HELLO, 48, 48),
    (_I, State.AWAIT_REPLY): (Step.REPLY, 49, 48 + DEVICE_ID_BYTES_MAX),
    (_R, State.AWAIT_PROOF): (Step.PROOF, 65, 64 + DEVICE_ID_BYTES_MAX),
    (_I, State.CONFIRMING): (Step.FRAME, TAG_BYTES, MESSAGE_BYTES_MAX),
    (_I, State.READY): (Step.FRAME, TAG_BYTES, MESSAGE_BYTES_MAX),
    (_R, State.READY): (Step.FRAME, TAG_BYTES, MESSAGE_BYTES_MAX),
}
