"""Physical memory protection: 16 entries, first match decides.

As in QEMU, supervisor and user accesses that match no entry are refused, also when no entry is
configured at all: firmware-less kernels must open PMP before they leave machine mode.
"""

from __future__ import annotations

from nexus.core.record import dataclass
from nexus.emulator.reference.state import (
    MACHINE,
    PMPADDR0,
    PMPADDR_COUNT,
    PMPCFG0,
    PMPCFG2,
    State,
)

READ, WRITE, EXECUTE, LOCKED = 1, 2, 4, 0x80

ADDRESS_BITS = 56
TOR, NA4 = 1, 2


@dataclass(frozen=True, slots=True)
class Entry:
    """One active entry: the half-open range it covers and its configuration byte."""

    start: int
    end: int
    config: int


def config_byte(state: State, index: int) -> int:
    """The pmpcfg byte of one entry."""
    return state[PMPCFG0 if index < 8 else PMPCFG2] >> 8 * (index & 7) & 0xFF


def entries(state: State) -> tuple[Entry, ...]:
    """Decode the active entries, in order of priority."""
    found = []
    for index in range(PMPADDR_COUNT):
        config = config_byte(state, index)
        mode = config >> 3 & 3
        address = state[PMPADDR0 + index]
        if mode == TOR:
            start = state[PMPADDR0 + index - 1] << 2 if index else 0
            end = address << 2
            # An empty range begins and ends at 0, where no access is partly inside of it.
            found.append(Entry(start, end, config) if start < end else Entry(0, 0, config))
        elif mode == NA4:
            found.append(Entry(address << 2, (address << 2) + 4, config))
        elif mode:
            ones = ((address ^ (address + 1)) + 1) >> 1  # 2**(number of trailing ones).
            start = (address & ~(ones - 1)) << 2
            found.append(Entry(start, start + (ones << 3), config))
    return tuple(found)


class Pmp:
    """The decoded entries of one hart; call `reload` after a write to a pmp register."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.reload()

    def reload(self) -> None:
        """Decode the registers again."""
        self._entries = entries(self._state)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The active entries, in order of priority; another object after each change."""
        return self._entries

    @property
    def is_empty(self) -> bool:
        """True if no entry is active."""
        return not self._entries

    @property
    def open_modes(self) -> int:
        """Bit 0: machine mode may access everything; bit 1: so may the lower modes."""
        # An access that is partly inside of an entry is refused in machine mode too.
        machine = not any(
            entry.config & LOCKED or (entry.start | entry.end) & 4095 for entry in self._entries
        )
        first = self._entries[0] if self._entries else None
        everyone = (
            first is not None
            and first.start == 0
            and first.end >= 1 << ADDRESS_BITS
            and first.config & (READ | WRITE | EXECUTE) == READ | WRITE | EXECUTE
        )
        return machine | everyone << 1

    def allows(self, address: int, length: int, access: int, privilege: int) -> bool:
        """True if the whole access is permitted."""
        for entry in self._entries:
            if address >= entry.end or address + length <= entry.start:
                continue
            if address < entry.start or address + length > entry.end:
                return False  # Partly inside the deciding entry.
            if privilege == MACHINE and not entry.config & LOCKED:
                return True
            return entry.config & access == access
        return privilege == MACHINE

    def is_uniform(self, page: int) -> bool:
        """True if no entry begins or ends inside this 4 KiB page (given by its address)."""
        return not any(
            page < edge < page + 4096
            for entry in self._entries
            for edge in (entry.start, entry.end)
        )
