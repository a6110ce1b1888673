"""The engines of the emulator by name, and what each of them needs to run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# The fastest engine of the others that this host can run.
AUTO: Final = "auto"
REFERENCE: Final = "reference"
# These have code that is a build product of its own and has to be handed in.
NATIVE: Final = "native"
TRANSLATED: Final = "translated"


@dataclass(frozen=True, slots=True)
class EngineCode:
    """An engine of the emulator, and what it needs to run."""

    engine: str
    native: bytes | None = None
    translations: bytes | None = None


def engine_with(native: bytes | None) -> EngineCode:
    """The native engine if its code is given, else the reference; both do the same."""
    return EngineCode(REFERENCE if native is None else NATIVE, native)


def choose_engine(
    engine: str, native_code: bytes | None, processor: str, translations: bytes | None = None
) -> str:
    """Name the engine that `auto` stands for on a host with this processor.

    All engines give the same bytes, so the choice may depend on the host; the summary names it.
    """
    from nexus.emulator.native.processor import HOSTS

    if engine != AUTO:
        return engine
    if native_code is None or processor not in HOSTS:
        return REFERENCE
    return NATIVE if translations is None else TRANSLATED
