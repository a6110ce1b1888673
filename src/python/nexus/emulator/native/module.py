"""The whole native interpreter as LLVM IR text."""

from __future__ import annotations

from nexus.emulator.native import decoder, memory
from nexus.emulator.native.coherence import coherence
from nexus.emulator.native.context import contexts
from nexus.emulator.native.float_routines import float_routines
from nexus.emulator.native.handlers import row_handlers
from nexus.emulator.native.ir import METADATA
from nexus.emulator.native.joined import joining
from nexus.emulator.native.joined_handlers import joined_handlers
from nexus.emulator.native.pages import page_handlers, page_routines
from nexus.emulator.native.processor import Processor
from nexus.emulator.native.processor_source import fused_units, way_in
from nexus.emulator.native.protection import protection
from nexus.emulator.native.registers import register_handlers, register_routines
from nexus.emulator.native.stops import stops
from nexus.emulator.native.system import clock_routines, csr_handlers
from nexus.emulator.native.traps import trap_handlers, trap_routines
from nexus.emulator.native.turns import turn_handlers, turn_routines
from nexus.emulator.native.walk import walks


def module_text(processor: Processor) -> str:
    """Generate the module; the text is always the same, except where it names a processor."""
    parts = [
        *(handler.text() for handler in row_handlers()),
        *(handler.text() for handler in joined_handlers()),
        *joining(),
        *csr_handlers().values(),
        *trap_handlers().values(),
        *turn_handlers().values(),
        *turn_routines(),
        *memory.functions(),
        *page_handlers().values(),
        *page_routines(),
        way_in(processor),
        *register_handlers().values(),
        *register_routines(),
        *clock_routines(),
        *float_routines(),
        *fused_units(processor),
        *trap_routines(),
        *contexts(),
        *coherence(),
        *walks(),
        *protection(),
        *stops(),
        *decoder.functions(),
    ]
    return "\n".join(parts) + METADATA
