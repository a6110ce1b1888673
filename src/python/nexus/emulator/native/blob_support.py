"""The native interpreter for tests, compiled once a process."""

from __future__ import annotations

from functools import cache
from typing import Final

from nexus.emulator.native.build import build
from nexus.emulator.native.processor import X86_64, host

# The processor whose code tests run: this host's, on every host that has code.
HOST: Final = host() or X86_64


@cache
def native_blob() -> bytes:
    """A freshly built blob."""
    return build(HOST)
