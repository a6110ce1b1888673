"""The machines of a fault world: what the emulator makes of a plan, with faults in their devices.

What befalls a machine from outside is done here, with what the emulator has: a clock is set, a
queue is served again, a program counter is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nexus.campaign import running
from nexus.core.randomness import KeyedRandom
from nexus.emulator import snapshot
from nexus.emulator.board import AttachedDrive
from nexus.emulator.device.virtio_blk import MediumError
from nexus.emulator.machine import Machine as EmulatedMachine
from nexus.emulator.machine import MachineOptions
from nexus.emulator.observe import Observer
from nexus.harness.instruments import Instruments
from nexus.harness.plan import MachinePlan, Plan, PlanError
from nexus.scene.engine import EngineCode
from nexus.scene.machine import RecordedEntropy, options_of
from nexus.simulation.entropy import EntropyStream
from nexus.simulation.faults.drive import FaultyDrive
from nexus.simulation.faults.fault import Chance
from nexus.simulation.faults.party import Faults
from nexus.simulation.machine import Machine
from nexus.simulation.pace import Pace, Paced, Stretch
from nexus.simulation.power import PowerCut
from nexus.simulation.world import World

NS_PER_MS: Final = 1_000_000
NS_PER_US: Final = 1_000
# mtime counts tenths of a microsecond.
_MTIME_PER_US: Final = 10
# A service is looked for while it runs: at this step, with such a rest while its machine waits,
# and for this long.
_LOOK_NS: Final = 10_000
_REST_NS: Final = 1_000_000
_LOOKS_NS: Final = 1_500_000_000
# A service that is slow is held up for each such piece of its time.
_PIECE_NS: Final = 50_000
_PPM: Final = 1_000_000

# The engine, and what it runs.
Code = EngineCode

# The share of the world's ticks that a machine gets during a fault of its time.
_PACED: Final[dict[str, Callable[[int], tuple[int, int]]]] = {
    "pause": lambda amount: (0, 1),
    "stall": lambda amount: (0, 1),
    "slow": lambda amount: (1, amount),
    "clock-rate": lambda amount: (_PPM + amount, _PPM),
}


class Yard:
    """Makes the machines of one run, again after each reboot, and keeps what outlives them."""

    def __init__(
        self,
        plan: Plan,
        code: Code,
        faults: Faults,
        random: KeyedRandom,
        instruments: Instruments | None = None,
    ) -> None:
        """Prepare the disks and the entropy; the machines are made by `build`."""
        self._instruments = instruments
        self._plan = {machine.label: machine for machine in plan.machines}
        self._code = code
        self._faults = faults
        self._origin_ns = dict.fromkeys(self._plan, 0)
        self._paces = dict.fromkeys(self._plan, Pace(()))
        self._machines: dict[str, EmulatedMachine] = {}
        self._is_restoring = False
        self.drives = {label: self._drives(machine) for label, machine in self._plan.items()}
        self.entropy = {
            label: RecordedEntropy(EntropyStream(random, label)) for label in self._plan
        }
        self._dry = {label: self._of(label, "entropy-dry") for label in self._plan}

    def build(self, link_world: Callable[[dict[str, Machine]], World]) -> World:
        """Make the machines and their world, and plan what is to befall them."""
        world = link_world({label: self._make(label, 0) for label in self._plan})
        for label in self._plan:
            for chance in self._faults.of_machine(label):
                self._arrange(world, label, chance)
        return world

    def disks(self) -> dict[tuple[str, int], bytes]:
        """The content of every writable disk."""
        return {
            (label, attached.slot): bytes(attached.drive.content)
            for label, drives in self.drives.items()
            for attached in drives
            if not attached.is_read_only and isinstance(attached.drive, FaultyDrive)
        }

    def now_ns(self, label: str) -> int:
        """The instant of the world at which a machine is that is just running."""
        machine = self._machines.get(label)
        own_ns = 0 if machine is None else machine.now_ns
        return self._origin_ns[label] + self._paces[label].world_ns(own_ns)

    def _of(self, label: str, kind: str) -> list[Chance]:
        return [c for c in self._faults.of_machine(label) if c.fault.kind == kind]

    def _drives(self, machine: MachinePlan) -> list[AttachedDrive]:
        label = machine.label
        return [
            AttachedDrive(
                drive.slot,
                FaultyDrive(
                    drive.content,
                    self._faults.of_disk(f"{label}/{drive.slot}"),
                    lambda: self.now_ns(label),
                    MediumError,
                ),
                drive.is_read_only,
            )
            for drive in machine.drives
        ]

    def watch(self, label: str, observer: Observer) -> EmulatedMachine:
        """Make the same machine again, in its present state, for a debugger to look at."""
        saved = snapshot.save(self._machines[label])
        # A restored device takes what its guest has had from the source, which is not new here.
        self._is_restoring = True
        options = self._options(label, self._code, observer)
        machine = self._machines[label] = snapshot.restore(options, saved)
        self._is_restoring = False
        return machine

    def _options(self, label: str, code: Code, observer: Observer | None) -> MachineOptions:
        def give(count: int) -> bytes:
            return self._give(label, count)

        return options_of(self._plan[label], self.drives[label], give, code, observer)

    def _make(self, label: str, origin_ns: int) -> Machine:
        """Make a machine that is powered on at `origin_ns`."""
        self._origin_ns[label] = origin_ns
        options = self._options(label, self._code, None)
        if self._instruments is not None:
            options = self._instruments.equip(label, options)
        try:
            machine = self._machines[label] = EmulatedMachine(options)
        except ValueError as exc:  # The emulator refuses: image, size, native code.
            raise PlanError(f"machine {label}: {exc}") from exc
        stretches = [
            Stretch(max(fault.start_ns - origin_ns, 0), fault.end_ns - origin_ns, *share)
            for kind, shares in _PACED.items()
            for fault in (chance.fault for chance in self._of(label, kind))
            if fault.end_ns > origin_ns
            for share in (shares(fault.amount),)
        ]
        pace = self._paces[label] = Pace(stretches)
        is_paced = stretches or self._of(label, "service-slow")
        return Paced(machine, pace) if is_paced else machine

    def _give(self, label: str, count: int) -> bytes:
        if self._is_restoring:
            return bytes(count)
        now_ns = self.now_ns(label)
        if any(chance.holds(now_ns) for chance in self._dry[label]):
            return b""
        return self.entropy[label](count)

    def _arrange(self, world: World, label: str, chance: Chance) -> None:
        """Plan one fault of a machine."""
        fault = chance.fault
        if fault.kind in ("crash", "power-cut"):
            is_cut = fault.kind == "power-cut"
            cut = PowerCut(
                label, fault.start_ns, fault.end_ns, lambda: self._reboot(chance, is_cut)
            )
            world.schedule(cut)
        elif fault.kind == "service-kill":
            self._look_for_service(world, chance, fault.start_ns)
        elif fault.kind == "service-slow":
            self._look_for_slow(world, chance, fault.start_ns, None)
        else:
            begin, end = _DEEDS[fault.kind]
            if begin is not None:
                world.plan(fault.start_ns, label, fault.kind, _act(begin, chance))
            if end is not None:
                world.plan(fault.end_ns, label, f"{fault.kind}-end", _act(end, chance))

    def _reboot(self, chance: Chance, is_cut: bool) -> Machine:
        fault = chance.fault
        chance.keep(0, fault.start_ns)
        if is_cut:
            for attached in self.drives[fault.place]:
                assert isinstance(attached.drive, FaultyDrive), "the yard made it"
                attached.drive.lose_power()
        return self._make(fault.place, fault.end_ns)

    def _look_for_service(self, world: World, chance: Chance, at_ns: int) -> None:
        fault = chance.fault

        def act(machine: Machine) -> str | None:
            now_ns = world.now_ns
            if running.service_of(machine) is not None:
                running.kill(machine)
                chance.keep(0, now_ns)
                return fault.id
            next_ns = now_ns + self._pause_ns(fault.place, machine)
            if next_ns < fault.start_ns + _LOOKS_NS:
                self._look_for_service(world, chance, next_ns)
            return None

        world.plan(at_ns, fault.place, fault.kind, act)

    def _pause_ns(self, label: str, machine: Machine) -> int:
        """Until it is worth looking again: a machine that waits runs nothing before its timer."""
        next_ns = machine.next_event_ns()
        if next_ns is None:
            return _REST_NS
        wait_ns = self._origin_ns[label] + self._paces[label].world_ns(next_ns)
        return min(max(wait_ns - self.now_ns(label), _LOOK_NS), _REST_NS)

    def _look_for_slow(
        self, world: World, chance: Chance, at_ns: int, service: bytes | None
    ) -> None:
        """Hold the machine up for each piece of time in which this service runs.

        Without a name: the one that is found running first.  The others have the processor as fast
        as before whenever it is theirs.
        """
        fault = chance.fault
        if at_ns >= fault.end_ns:
            return

        def act(machine: Machine) -> str | None:
            now_ns = world.now_ns
            found = running.service_of(machine)
            if found is None or service not in (None, found):
                pause_ns = max(_PIECE_NS, self._pause_ns(fault.place, machine))
                self._look_for_slow(world, chance, now_ns + pause_ns, service)
                return None
            end_ns = min(now_ns + _PIECE_NS * (fault.amount - 1), fault.end_ns)
            origin_ns = self._origin_ns[fault.place]
            self._paces[fault.place].hold(now_ns - origin_ns, end_ns - origin_ns)
            self._look_for_slow(world, chance, end_ns + _PIECE_NS, found)
            if service is not None:
                return None
            chance.keep(0, now_ns)
            return fault.id

        world.plan(at_ns, fault.place, fault.kind, act)


def _act(deed: Callable[[EmulatedMachine, Chance], None], chance: Chance) -> _Act:
    def act(machine: Machine) -> str:
        assert isinstance(machine, EmulatedMachine), "the yard made it"
        deed(machine, chance)
        return chance.fault.id

    return act


_Act = Callable[[Machine], str]
_Deed = Callable[[EmulatedMachine, Chance], None] | None


def _note(machine: EmulatedMachine, chance: Chance) -> None:
    chance.keep(0, chance.fault.start_ns)


def _jump(machine: EmulatedMachine, chance: Chance) -> None:
    chance.keep(0, chance.fault.start_ns)
    machine.hart.set_mtime(machine.hart.mtime + chance.fault.amount * _MTIME_PER_US)


def _catch_up(machine: EmulatedMachine, chance: Chance) -> None:
    missed_us = (chance.fault.end_ns - chance.fault.start_ns) // NS_PER_US
    machine.hart.set_mtime(machine.hart.mtime + missed_us * _MTIME_PER_US)


def _refill(machine: EmulatedMachine, chance: Chance) -> None:
    if machine.devices.rng is not None:
        machine.devices.rng.transport.serve(0)


# The deeds at the beginning of a fault of a machine, and at its end.
_DEEDS: Final[dict[str, tuple[_Deed, _Deed]]] = {
    "pause": (_note, None),
    "stall": (_note, _catch_up),
    "slow": (_note, None),
    "clock-rate": (_note, None),
    "clock-jump": (_jump, None),
    "entropy-dry": (None, _refill),
}
