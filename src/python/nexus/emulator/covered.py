"""The engines with a record of what they execute; imported by runs that want one."""

from __future__ import annotations

from nexus.emulator.bus import Bus
from nexus.emulator.machine_options import MachineOptions
from nexus.emulator.memory import Ram
from nexus.emulator.reference.hart import Hart


def make_hart(ram: Ram, bus: Bus, entry: int, options: MachineOptions) -> Hart:
    """Make the hart of the reference engine; with a blob, that of the native one.

    Raises:
        BlobError: The blob is not for this version.
    """
    recorder = options.coverage
    assert recorder is not None, "or another hart is made"
    if options.native_blob is None:
        from nexus.emulator.reference.covered import CoveredHart

        return CoveredHart(ram, bus, entry, recorder, options.cpu)
    from nexus.emulator.native.covered import CoveredNativeHart

    return CoveredNativeHart(ram, bus, entry, options.native_blob, recorder, options.cpu)
