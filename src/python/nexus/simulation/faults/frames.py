"""The effect of faults on a frame of one path: it is lost, late, doubled or damaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nexus.simulation.faults.fault import Chance

_NS_PER_US: Final = 1_000

# Kinds that lose every frame while they are on.
_CUTS: Final = frozenset({"one-way", "partition", "link-down"})

# A second copy is behind the first by up to this.
_COPY_LATE_US: Final = 20_000


@dataclass(frozen=True, slots=True)
class Fate:
    """The copies that arrive, each with what its way takes longer, and the kinds of faults."""

    copies: tuple[tuple[int, bytes], ...]
    kinds: tuple[str, ...]


def befall(chances: Sequence[Chance], frame: bytes, number: int, sent_ns: int) -> Fate:
    """Let the faults of a path happen to its frame of this number."""
    kinds: list[str] = []
    late_ns = 0
    copy_late_ns: int | None = None
    for chance in chances:
        kind = chance.fault.kind
        if kind in _CUTS:
            if chance.holds(sent_ns):
                return Fate((), (*kinds, kind))
        elif kind == "mtu":
            if len(frame) > chance.fault.amount and chance.holds(sent_ns):
                return Fate((), (*kinds, kind))
        elif kind == "delay":
            if chance.holds(sent_ns):
                kinds.append(kind)
                late_ns += chance.fault.amount * _NS_PER_US
        elif chance.falls(number, sent_ns):
            kinds.append(kind)
            if kind == "loss":
                return Fate((), tuple(kinds))
            if kind == "corrupt":
                frame = flip_bit(frame, chance.below(len(frame) * 8, "bit", number))
            elif kind == "reorder":
                late_ns += _late_ns(chance, chance.fault.amount, number)
            else:
                assert kind == "duplicate", f"{kind} does nothing to frames"
                copy_late_ns = _late_ns(chance, _COPY_LATE_US, number)
    copies = [(late_ns, frame)]
    if copy_late_ns is not None:
        copies.append((late_ns + copy_late_ns, frame))
    return Fate(tuple(copies), tuple(kinds))


def flip_bit(data: bytes | bytearray, bit: int) -> bytes:
    """The same bytes except for one bit."""
    byte, shift = divmod(bit, 8)
    return bytes([*data[:byte], data[byte] ^ (1 << shift), *data[byte + 1 :]])


def _late_ns(chance: Chance, us_max: int, number: int) -> int:
    return (1 + chance.below(us_max, "late", number)) * _NS_PER_US
