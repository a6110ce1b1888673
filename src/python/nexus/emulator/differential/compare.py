"""Takes the records of two machines apart and says where they differ."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from nexus.emulator.differential.frame import RECORD_WORDS, SUPERVISOR_MARK
from nexus.emulator.differential.known import ATOMIC_CAUSES, STATUS_FIELDS, UNSPECIFIED
from nexus.emulator.differential.probe import Probe

_RECORD: Final = struct.Struct(f"<{RECORD_WORDS}Q")
_NAMES: Final = ("probe", "cause", "epc", "tval", "status", "a0", "a1", "entry")

_CAUSE, _STATUS, _A0, _A1 = 1, 4, 5, 6


@dataclass(frozen=True, slots=True)
class Difference:
    """One probe to which two machines gave different answers."""

    probe: int
    asks: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"probe {self.probe}: {self.asks}: {'; '.join(self.words)}"


def answers(data: bytes, probes: Sequence[Probe]) -> dict[int, list[tuple[int, ...]]]:
    """The records by probe; a torn last record is left out."""
    found: dict[int, list[tuple[int, ...]]] = {}
    for at in range(0, len(data) - _RECORD.size + 1, _RECORD.size):
        words = list(_RECORD.unpack_from(data, at))
        number = words[0] & (SUPERVISOR_MARK - 1)
        if number < len(probes):
            probe = probes[number]
            words[_STATUS] &= ~(STATUS_FIELDS | probe.unspecified_status)
            if probe.register is not None:
                known = UNSPECIFIED.get(probe.register, 0)
                words[_A0] &= ~known
                words[_A1] &= ~known
            if probe.has_store_causes:
                words[_CAUSE] = ATOMIC_CAUSES.get(words[_CAUSE], words[_CAUSE])
        found.setdefault(number, []).append(tuple(words))
    return found


def differences(ours: bytes, theirs: bytes, probes: Sequence[Probe]) -> Iterator[Difference]:
    """Every probe that was answered differently, in order."""
    left, right = answers(ours, probes), answers(theirs, probes)
    for number, probe in enumerate(probes):
        a, b = left.get(number, []), right.get(number, [])
        if a != b:
            yield Difference(number, probe.asks, tuple(_words(a, b)))


def _words(a: list[tuple[int, ...]], b: list[tuple[int, ...]]) -> Iterator[str]:
    if len(a) != len(b):
        yield f"{len(a)} traps here, {len(b)} there"
    for index, (one, other) in enumerate(zip(a, b, strict=False)):
        for name, x, y in zip(_NAMES, one, other, strict=True):
            if x != y:
                yield f"{name}[{index}] {x:#x} here, {y:#x} there"
