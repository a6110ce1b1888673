"""The program that a machine runs just now, seen from outside; and the way to end it.

A service of Nexus's own kernel has a page that says its name.  Of another system it is known by its
address space alone.
"""

from __future__ import annotations

from typing import Final

from nexus.emulator.inspect import read_memory
from nexus.emulator.machine import Machine as EmulatedMachine
from nexus.emulator.reference import state as s
from nexus.simulation.machine import Machine

# Where the kernel maps it, and what is in it: version, 0, address and length of the name.
_INFO_PAGE: Final = 0x2000_1000
_VERSION: Final = 2
_NAME_BYTES_MAX: Final = 48
# These are not started again: without the first a system has ended, and the second reports to a
# judge what the others do.
_SPARED: Final = (b"init", b"workload-client")


def service_of(machine: Machine) -> bytes | None:
    """Identity of the program that runs in user mode; None for a program of no interest."""
    assert isinstance(machine, EmulatedMachine), "the yard made it"
    state = machine.hart.state
    if state[s.PRIVILEGE] != s.USER or state[s.WAITING]:
        return None
    name = _name_of(machine)
    if name is None:
        return b"satp %x" % state[s.SATP]
    return None if name in _SPARED else name


def _name_of(machine: EmulatedMachine) -> bytes | None:
    page = read_memory(machine, _INFO_PAGE, 20)
    if page is None or int.from_bytes(page[:8], "little") != _VERSION:
        return None
    length = int.from_bytes(page[16:20], "little")
    if not 0 < length <= _NAME_BYTES_MAX:
        return None
    return read_memory(machine, int.from_bytes(page[8:16], "little"), length)


def kill(machine: Machine) -> None:
    """Lose the place of the program that runs: it cannot go on."""
    assert isinstance(machine, EmulatedMachine), "the yard made it"
    machine.hart.state[s.PC] = 0
