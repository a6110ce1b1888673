"""Identity binding: the one place that decides whether a handshake may become a session.

Five things must agree: the device id that the peer claims in its handshake, a live discovery
entry for it, the key announced there, the key pinned in the configuration, and the key that the
handshake has proven.  What is absent does not agree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from hmac import compare_digest

from nexus.dsoftbus.discovery import Entry


@dataclass(frozen=True, slots=True)
class Pin:
    """A peer as the configuration names it."""

    device_id: str
    public_key: bytes = field(repr=False)


class Verdict(Enum):
    """Bound, or the first thing that does not agree."""

    BOUND = "bound"
    UNKNOWN = "the configuration does not know this device id"
    PINNED_KEY = "the proven key is not the pinned one"
    NOT_DISCOVERED = "no live announce of this device id"
    ANNOUNCED_KEY = "the proven key is not the announced one"


def bind(claimed: str, live: Entry | None, pin: Pin | None, proven: bytes) -> Verdict:
    """Decide.

    Args:
        claimed: The device id in the peer's handshake payload.
        live: The discovery table's live entry for it.
        pin: The configuration's entry for it.
        proven: The static key that the handshake has proven.
    """
    if pin is None or pin.device_id != claimed:
        return Verdict.UNKNOWN
    if not compare_digest(pin.public_key, proven):
        return Verdict.PINNED_KEY
    if live is None or live.device_id != claimed:
        return Verdict.NOT_DISCOVERED
    if not compare_digest(live.public_key, proven):
        return Verdict.ANNOUNCED_KEY
    return Verdict.BOUND


def may_dial(pin: Pin, live: Entry | None) -> bool:
    """Say whether a peer may be dialled: it is announced, under the id and key we know."""
    return (
        live is not None
        and live.device_id == pin.device_id
        and compare_digest(live.public_key, pin.public_key)
    )
