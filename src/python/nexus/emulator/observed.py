"""The engines with an observer; imported by runs that want one."""

from __future__ import annotations

from nexus.emulator.bus import Bus
from nexus.emulator.machine_options import MachineOptions
from nexus.emulator.memory import Ram
from nexus.emulator.reference.hart import Hart


def make_hart(ram: Ram, bus: Bus, entry: int, options: MachineOptions) -> Hart:
    """Make the hart of the reference engine; with a blob, that of the native or translated one.

    Raises:
        BlobError: The blob or the translations are not for this version.
    """
    observer = options.observer
    assert observer is not None, "or another hart is made"
    if options.native_blob is None:
        from nexus.emulator.observe import ObservedHart

        return ObservedHart(ram, bus, entry, observer, options.cpu)
    from nexus.emulator.native.observed import ObservedNativeHart

    source = options.translations or options.translation_source
    return ObservedNativeHart(ram, bus, entry, observer, options.native_blob, source, options.cpu)
