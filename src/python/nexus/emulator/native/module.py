"""The whole native interpreter as LLVM IR text."""

from __future__ import annotations

from nexus.emulator.native import decoder, memory
from nexus.emulator.native.handlers import row_handlers
from nexus.emulator.native.ir import METADATA
from nexus.emulator.native.system import note_trap, system_handlers


def module_text() -> str:
    """Generate the module; the same text every time."""
    parts = [
        *(handler.text() for handler in row_handlers()),
        note_trap(),
        *system_handlers().values(),
        *memory.functions(),
        *decoder.functions(),
    ]
    return "\n".join(parts) + METADATA
