"""A debugger's resume packets: they let all harts go on, or step one hart.

c [addr]   s [addr]   C sig[;addr]   S sig[;addr]   vCont[;action[:thread]]...

All harts go on together, whatever a packet says of the others: they have one clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nexus.emulator.gdb_number import number

# The actions that `vCont?` announces.  A machine has no signals, so C and S are c and s.
_STEPS: Final = {b"c": False, b"C": False, b"s": True, b"S": True}

# The hart that a thread id means; None is any of them.
Find = Callable[[bytes], int | None]


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on, for one instruction of a hart or until something happens, from here or an address."""

    is_step: bool
    address: int | None = None
    hart: int | None = None  # None: the one that is looked at.


def parse_resume(packet: bytes) -> Resume:
    """Read a `c`, `s`, `C` or `S` packet.

    Raises:
        ValueError: A number in it cannot be read.
    """
    command, rest = packet[:1], packet[1:]
    if command in b"CS":
        signal, _, rest = rest.partition(b";")
        number(signal)
    return Resume(_STEPS[command], number(rest) if rest else None)


def parse_actions(rest: bytes, find: Find) -> Resume | None:
    """Read what follows `vCont`: for each hart the first action that is for it counts.

    Raises:
        ValueError: An action is none that we announced, or for a thread that there is not.
    """
    chosen: Resume | None = None
    for action in rest.split(b";")[1:]:
        what, colon, thread = action.partition(b":")
        command, signal = what[:1], what[1:]
        if command not in _STEPS or (command in b"CS") != bool(signal):
            raise ValueError(f"not an action: {action!r}")
        if signal:
            number(signal)
        hart = find(thread) if colon else None
        if chosen is None or (_STEPS[command] and not chosen.is_step and chosen.hart is not None):
            chosen = Resume(_STEPS[command], hart=hart)
    return chosen
