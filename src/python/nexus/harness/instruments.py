"""The instruments of a run, which record more than the machines' output: coverage, a profile."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nexus.emulator.coverage import Recorder
from nexus.emulator.profile import Sampler

if TYPE_CHECKING:
    from nexus.emulator.machine_options import MachineOptions


class Instruments:
    """The recorders of a run, by the label of the machine."""

    def __init__(self, *, covers: bool = False, profile_every: int | None = None) -> None:
        self.covers = covers
        self.profile_every = profile_every
        self.recorders: dict[str, Recorder] = {}
        self.samplers: dict[str, Sampler] = {}

    def equip(self, label: str, options: MachineOptions) -> MachineOptions:
        """Let a machine be recorded; one that is switched on again goes on with its record."""
        if self.covers:
            recorder = self.recorders.setdefault(label, Recorder())
            options = replace(options, coverage=recorder)
        if self.profile_every is not None:
            sampler = self.samplers.setdefault(label, Sampler(self.profile_every))
            sampler.attach()
            options = replace(options, profile=sampler)
        return options
