"""`monitor` of a debugger: what its own commands have no words for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from nexus.emulator.cause_names import MODES
from nexus.emulator.gdb_target import csr_numbers, name_of_csr
from nexus.emulator.gdb_threads import GdbThreads
from nexus.emulator.history import History
from nexus.emulator.inspect import doing, read_csr
from nexus.emulator.isa.cpu import HAS_F
from nexus.emulator.isa.operand import FLOAT_NAMES, REGISTER_NAMES
from nexus.emulator.mappings import TooManyTablesError, mappings
from nexus.emulator.reference import state as s

# How much of a command that is unknown its answer repeats.
_SHOWN_CHARS_MAX: Final = 40
# More than a user reads; the rest is counted.
MAPPINGS_SHOWN_MAX: Final = 1000
_COLUMNS: Final = 4

_HEADER: Final = (
    "vaddr            paddr            size             attr\n"
    "---------------- ---------------- ---------------- -------\n"
)


class GdbMonitor:
    """The commands, about the hart that the debugger looks at."""

    def __init__(self, timeline: History, threads: GdbThreads) -> None:
        self._timeline = timeline
        self._threads = threads
        self._commands: dict[str, tuple[Callable[[], str], str]] = {
            "help": (self._help, "this list"),
            "info mem": (self._memory, "what this hart's page tables map, and how"),
            "info registers": (self._registers, "all registers of this hart, csrs too"),
            "position": (self._position, "where the run is, and how far back it can go"),
        }

    def answer(self, command: bytes) -> str:
        """Do what follows `monitor`; the answer is lines of text."""
        given = " ".join(command.decode(errors="replace").split())
        found = self._commands.get(given)
        if found is not None:
            return found[0]()
        known = ", ".join(self._commands)
        return f"{given[:_SHOWN_CHARS_MAX]!r} is unknown; expected one of: {known}\n"

    def _help(self) -> str:
        return "".join(f"{name:<16}{what}\n" for name, (_, what) in self._commands.items())

    def _position(self) -> str:
        timeline = self._timeline
        return (
            f"{timeline.position} instructions, {timeline.machine.now_ns} ns; "
            f"history from {timeline.beginning}\n"
        )

    def _memory(self) -> str:
        satp = self._threads.core.state[s.SATP]
        if not satp >> 60:
            return "satp is bare: every address is a physical one\n"
        lines: list[str] = []
        more = 0
        ending = ""
        try:
            for found in mappings(self._timeline.machine.ram, satp):
                if len(lines) == MAPPINGS_SHOWN_MAX:
                    more += 1
                    continue
                lines.append(
                    f"{found.virtual:016x} {found.physical:016x} {found.size_bytes:016x} "
                    f"{found.permissions}\n"
                )
        except TooManyTablesError as error:
            ending = f"{error}: what they map is left out\n"
        if more:
            ending = f"and {more} more ranges\n{ending}"
        return _HEADER + "".join(lines) + ending

    def _registers(self) -> str:
        core = self._threads.core
        state = core.state
        number = self._threads.current
        mode = MODES[state[s.PRIVILEGE]]
        shown = f"hart {number}, {mode} mode{doing(self._timeline.machine, number)}\n"
        shown += _rows([("pc", state[s.PC]), *_numbered(REGISTER_NAMES, state, 0)])
        if state[s.EXTENSIONS] & HAS_F:
            shown += _rows(list(_numbered(FLOAT_NAMES, state, s.F0)))
        csrs = ((number, read_csr(core, number)) for number in csr_numbers())
        return shown + _rows([(name_of_csr(n), value) for n, value in csrs if value is not None])


def _numbered(names: tuple[str, ...], state: s.State, first: int) -> Iterator[tuple[str, int]]:
    for index, name in enumerate(names):
        yield name, state[first + index] if first + index else 0


def _rows(registers: list[tuple[str, int]]) -> str:
    texts = [f"{name:<13} {value:016x}" for name, value in registers]
    rows = (texts[at : at + _COLUMNS] for at in range(0, len(texts), _COLUMNS))
    return "".join("  ".join(row) + "\n" for row in rows)
