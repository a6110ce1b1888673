"""The native interpreter for tests, compiled once a process."""

from __future__ import annotations

from functools import cache

from nexus.emulator.native.build import build


@cache
def native_blob() -> bytes:
    """A freshly built blob."""
    return build()
