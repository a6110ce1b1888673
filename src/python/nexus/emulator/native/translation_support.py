"""Translations for tests: of what a program is, compiled here."""

from __future__ import annotations

from functools import cache

from nexus.emulator.machine import MachineOptions
from nexus.emulator.native.blob_support import HOST, native_blob
from nexus.emulator.native.translate import translate


@cache
def translations_of(kernel: bytes) -> bytes:
    """All executable pages of an ELF."""
    return translate([kernel], HOST)


def translated(kernel: bytes, ram_bytes: int) -> MachineOptions:
    """A machine that runs what was translated of its kernel."""
    return MachineOptions(
        kernel=kernel,
        ram_bytes=ram_bytes,
        engine="translated",
        native_blob=native_blob(),
        translations=translations_of(kernel),
    )
