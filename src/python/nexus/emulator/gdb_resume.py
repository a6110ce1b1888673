"""What a debugger's resume packets ask for, once the one thread there is has been found in them.

c [addr]   s [addr]   C sig[;addr]   S sig[;addr]   vCont[;action[:thread]]...
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nexus.emulator.gdb_number import number

# The hart.  0 means any thread, -1 all of them.
THREAD: Final = b"1"
_OURS: Final = (b"0", b"-1")

# What `vCont?` announces.  A signal means nothing to a machine, so C and S are c and s.
_STEPS: Final = {b"c": False, b"C": False, b"s": True, b"S": True}


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on, for one instruction or until something happens, from here or from an address."""

    is_step: bool
    address: int | None = None


def is_thread(name: bytes) -> bool:
    """Whether a thread id, in any of its spellings, means our hart.

    Raises:
        ValueError: It is no thread id.
    """
    return name in _OURS or number(name) == number(THREAD)


def parse_resume(packet: bytes) -> Resume:
    """Read a `c`, `s`, `C` or `S` packet.

    Raises:
        ValueError: A number in it is none.
    """
    command, rest = packet[:1], packet[1:]
    if command in b"CS":
        signal, _, rest = rest.partition(b";")
        number(signal)
    return Resume(_STEPS[command], number(rest) if rest else None)


def parse_actions(rest: bytes) -> Resume | None:
    """Read what follows `vCont`: the first action that is for our hart counts.

    Raises:
        ValueError: An action is none that we announced, or for a thread that there is not.
    """
    chosen = None
    for action in rest.split(b";")[1:]:
        what, colon, thread = action.partition(b":")
        command, signal = what[:1], what[1:]
        if command not in _STEPS or (command in b"CS") != bool(signal):
            raise ValueError(f"not an action: {action!r}")
        if signal:
            number(signal)
        if colon and not is_thread(thread):
            raise ValueError(f"no such thread: {thread!r}")
        if chosen is None:
            chosen = Resume(_STEPS[command])
    return chosen
