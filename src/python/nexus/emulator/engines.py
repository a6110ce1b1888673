"""The choice of an engine for a machine's hart; only the chosen one is imported."""

from __future__ import annotations

from nexus.emulator.bus import Bus
from nexus.emulator.machine_options import MachineOptions
from nexus.emulator.memory import Ram
from nexus.emulator.reference.hart import Hart


def hart_of(options: MachineOptions, ram: Ram, bus: Bus, start: int) -> Hart:
    """The hart of these options, about to execute `start`."""
    if options.observer is not None:
        from nexus.emulator.observed import make_hart as make_observed

        return make_observed(ram, bus, start, options)
    if options.coverage is not None:
        from nexus.emulator.covered import make_hart

        return make_hart(ram, bus, start, options)
    if options.native_blob is None:
        return Hart(ram, bus, start, cpu=options.cpu)
    # Only machines that use it pay for mapping native code, and other processors never see it.
    from nexus.emulator.native.hart import NativeHart

    source = options.translations or options.translation_source
    return NativeHart(ram, bus, start, options.native_blob, source, options.cpu)
