"""The processors that code is generated for: one product each, of the same sources.

A product holds the number of its processor.  A number stays for ever, so that a file of another
processor is refused by name.
"""

from __future__ import annotations

import os
from typing import Final

from nexus.core.record import dataclass


@dataclass(frozen=True, slots=True)
class Processor:
    """A processor that can be a host."""

    name: str  # As Linux gives it, and as programs take it.
    number: int  # In the header of a product.
    machines: tuple[str, ...]  # Its names in operating systems.


X86_64: Final = Processor("x86_64", 1, ("x86_64", "AMD64"))
AARCH64: Final = Processor("aarch64", 2, ("aarch64",))
PROCESSORS: Final = (X86_64, AARCH64)
NAMES: Final = tuple(processor.name for processor in PROCESSORS)

# The names of all of them in operating systems.
HOSTS: Final = tuple(machine for processor in PROCESSORS for machine in processor.machines)


def named(name: str) -> Processor:
    """The processor of this name.

    Raises:
        ValueError: No processor has this name; the message lists those that there are.
    """
    for processor in PROCESSORS:
        if name == processor.name:
            return processor
    raise ValueError(f"processor {name!r}: expected one of {', '.join(NAMES)}")


def numbered(number: int) -> Processor | None:
    """The processor that a product names; None if this version does not know the number."""
    return next((it for it in PROCESSORS if it.number == number), None)


def machine_name() -> str:
    """The operating system's name of this machine; `platform` takes a millisecond to import."""
    return os.uname().machine


def host() -> Processor | None:
    """The processor of this machine; None if no code is generated for it."""
    machine = machine_name()
    return next((it for it in PROCESSORS if machine in it.machines), None)


def refusal(made_for: Processor) -> str | None:
    """Return the reason why this host cannot run a product; None if it can."""
    if host() is made_for:
        return None
    return f"made for {made_for.name}, and this host is {machine_name() or 'unknown'}; " + (
        "give that of this host" if host() else "use the engine reference"
    )
