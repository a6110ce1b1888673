"""The events that a session receives, and those that it gives its owner."""

from __future__ import annotations

from dataclasses import dataclass, field

from nexus.contract import bus as contract

Refusal = contract.Refusal


@dataclass(frozen=True, slots=True)
class Proven:
    """The peer holds this key and claims this id.  Bind the two, then `admit` or `close`."""

    device_id: str
    public_key: bytes


@dataclass(frozen=True, slots=True)
class Ready:
    """Frames may be sent and will be delivered."""

    device_id: str


@dataclass(frozen=True, slots=True)
class Received:
    """A plaintext frame as it came; keepalive is dealt with and not delivered."""

    frame: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """The connection is closed."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Absorbed:
    """Keepalive came and was dealt with."""


Event = Proven | Ready | Received | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Our id and keys in one session."""

    device_id: str
    static_secret: bytes = field(repr=False)
    # Fresh from the entropy source, for this session only.
    ephemeral_secret: bytes = field(repr=False)
