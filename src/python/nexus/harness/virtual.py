"""The deterministic engine: machines of the emulator in a simulated world.

The emulator is imported only when machines are made from a plan, so that everything above it
can be tested on scripted machines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from nexus.core.errors import did_you_mean
from nexus.core.randomness import KeyedRandom
from nexus.harness.console import LineAssembler
from nexus.harness.engine import EngineUnavailableError
from nexus.harness.places import Places
from nexus.harness.plan import MachinePlan, Plan, PlanError, RebootPlan
from nexus.scene.engine import NATIVE, REFERENCE, TRANSLATED, EngineCode
from nexus.simulation.entropy import EntropyStream
from nexus.simulation.machine import Machine
from nexus.simulation.power import PowerCut
from nexus.simulation.world import Step, World

if TYPE_CHECKING:
    from nexus.emulator.machine import Machine as EmulatedMachine
    from nexus.emulator.observe import Observer
    from nexus.harness.debug import DebuggedMachine
    from nexus.harness.instruments import Instruments
    from nexus.scene.machine import RecordedEntropy


class VirtualEngine:
    """A world of machines as an engine."""

    is_reproducible = True

    def __init__(
        self,
        plan: Plan,
        machines: Mapping[str, Machine],
        description: str,
        power_on: Callable[[str], Machine] | None = None,
        entropy: Mapping[str, RecordedEntropy] | None = None,
        debugged: Mapping[str, DebuggedMachine] | None = None,
    ) -> None:
        """Join machines that are at time 0 by the plan's network.

        A plan with reboots needs `power_on`: it makes the machine of a label anew.
        """
        self.description = description
        self.instruments: Instruments | None = None
        self._world = World(machines, plan.link, KeyedRandom(plan.seed), paths=plan.paths)
        self._power_on = power_on
        self._entropy = entropy or {}
        self._debugged = dict(debugged or {})
        self.is_interactive = bool(self._debugged)
        self._awaited = [reboot for reboot in plan.reboots if reboot.after is not None]
        self._lines = {label: LineAssembler() for label in machines}
        for reboot in plan.reboots:
            if reboot.at_ns is not None:
                self._schedule(reboot, reboot.at_ns)

    def step(self, limit_ns: int) -> Step:
        """Advance the world by one step."""
        step = self._world.step(limit_ns)
        if self._awaited:
            self._watch(step)
        return step

    def _watch(self, step: Step) -> None:
        """Cut the power of each machine that was to be cut after one of these lines, once."""
        for machine, data in step.consoles:
            for line in self._lines[machine].feed(data):
                due = next((r for r in self._awaited if r.after == (machine, line)), None)
                if due is not None:
                    self._awaited.remove(due)
                    self._schedule(due, step.now_ns)

    def _schedule(self, reboot: RebootPlan, at_ns: int) -> None:
        power_on = self._power_on
        assert power_on is not None, "reboots need a maker of machines"
        self._world.schedule(
            PowerCut(reboot.machine, at_ns, at_ns + reboot.off_ns, lambda: power_on(reboot.machine))
        )

    def states(self) -> dict[str, str]:
        """Describe the present activity of each machine, by label."""
        return self._world.states()

    def why_stuck(self, machine: str) -> str:
        """Describe the loop that a machine is caught in."""
        from nexus.emulator.post_mortem import describe_loop

        emulated = self._emulated()[machine]
        loop = emulated.trap_loop
        assert loop is not None, "it stopped for that"
        return describe_loop(loop, Places(emulated.kernel))

    def post_mortem(self) -> dict[str, list[str]]:
        """The last state of each machine of the emulator."""
        from nexus.emulator.post_mortem import describe

        return {
            label: describe(machine, Places(machine.kernel))
            for label, machine in self._emulated().items()
        }

    def _emulated(self) -> dict[str, EmulatedMachine]:
        from nexus.emulator.machine import Machine as EmulatedMachine

        machines = {
            label: self._debugged[label].machine if it is self._debugged.get(label) else it
            for label, it in self._world.machines().items()
        }
        return {label: it for label, it in machines.items() if isinstance(it, EmulatedMachine)}

    def instructions(self) -> dict[str, int]:
        """Instructions retired per machine."""
        return self._world.instructions()

    def fault_counts(self) -> dict[str, int]:
        """Count the injections of each network fault, and the power cuts."""
        counts = Counter(event.fault.value for event in self._world.faults)
        if self._world.power_cuts:
            counts["power-cut"] = self._world.power_cuts
        return dict(sorted(counts.items()))

    def trace_text(self) -> str:
        """The newest trace lines."""
        return self._world.trace.text()

    def trace_digest(self) -> str:
        """SHA-256 over all trace lines."""
        return self._world.trace.digest()

    def ephemerals(self) -> dict[str, list[bytes]]:
        """Return each machine's possible ephemeral secrets: entropy reads of a key's length."""
        return {label: list(entropy.keys) for label, entropy in self._entropy.items()}

    def disks(self) -> dict[str, bytes]:
        """Return the present content of each emulated machine's disks, by label and slot."""
        return {
            f"{label}.drive{disk.slot}": disk.drive.read(0, disk.drive.size_bytes)
            for label, machine in self._emulated().items()
            for disk in machine.drives
        }

    def close(self) -> None:
        """Let go of debuggers; the rest of the world is memory."""
        for machine in self._debugged.values():
            machine.close()


def boot(
    plan: Plan,
    engine: str,
    native_code: bytes | None = None,
    translations: bytes | None = None,
    debuggers: Mapping[str, str] | None = None,
    instruments: Instruments | None = None,
) -> VirtualEngine:
    """Power on the plan's machines on the named engine of the emulator.

    `debuggers` (label -> port or unix socket) are awaited.  With `instruments`, machines are
    recorded.

    Raises:
        PlanError: an image is not a kernel, or the native code is not this version's.
        EngineUnavailableError: the engine is not here.
    """
    from nexus.harness.debug import debug

    _check_engine(engine, native_code, translations)
    shown = engine
    if engine == TRANSLATED and instruments is not None and instruments.covers:
        engine = NATIVE  # Which does the same, and knows which instructions it has decoded.
        shown = "native instead of translated, to record coverage"
    stock = _Stock(plan, EngineCode(engine, native_code, translations), instruments)
    awaited = debuggers or {}
    _check_labels(plan, awaited)
    machines: dict[str, Machine] = {}
    debugged: dict[str, DebuggedMachine] = {}
    for machine in plan.machines:
        where = awaited.get(machine.label)
        try:
            if where is None:
                machines[machine.label] = stock.make(machine)
            else:
                watched = debug(machine.label, partial(stock.make, machine), where)
                debugged[machine.label] = machines[machine.label] = watched
        except ValueError as exc:  # The emulator refuses: image, size, native code.
            raise PlanError(f"{plan.name}: machine {machine.label}: {exc}") from exc
    virtual = VirtualEngine(
        plan, machines, f"nexus.emulator ({shown})", stock.power_on, stock.entropy, debugged
    )
    virtual.instruments = instruments
    return virtual


class _Stock:
    """The parts of a plan's machines, and those that outlive their power: drives and entropy."""

    def __init__(self, plan: Plan, code: EngineCode, instruments: Instruments | None) -> None:
        from nexus.scene.machine import RecordedEntropy, new_drives

        random = KeyedRandom(plan.seed)
        self._code = code
        self._instruments = instruments
        self._plans = {machine.label: machine for machine in plan.machines}
        self._drives = {machine.label: new_drives(machine) for machine in plan.machines}
        # Chance that was not yet drawn stays undrawn.
        self.entropy = {
            machine.label: RecordedEntropy(EntropyStream(random, machine.label))
            for machine in plan.machines
        }

    def make(self, machine: MachinePlan, observer: Observer | None = None) -> EmulatedMachine:
        """Make a machine at time 0.  Raises ValueError where the emulator refuses it."""
        from nexus.emulator.machine import Machine as EmulatedMachine
        from nexus.scene.machine import options_of

        label = machine.label
        options = options_of(
            machine, self._drives[label], self.entropy[label], self._code, observer
        )
        equip = self._instruments
        return EmulatedMachine(options if equip is None else equip.equip(label, options))

    def power_on(self, label: str) -> Machine:
        """Make the machine of a label anew: its disks have what a cut left on them."""
        from nexus.scene.drive import VolatileDrive

        for attached in self._drives[label]:
            assert isinstance(attached.drive, VolatileDrive), "`new_drives` made it"
            attached.drive.lose_power()
        return self.make(self._plans[label])


def _check_engine(engine: str, native_code: bytes | None, translations: bytes | None) -> None:
    """Raise EngineUnavailableError where an engine, or the code of one, is not here."""
    from nexus.emulator.machine import ENGINES

    if engine not in ENGINES:
        raise EngineUnavailableError(
            f"engine {engine!r} is not built in here; available: {', '.join(ENGINES)}"
        )
    if engine != REFERENCE and native_code is None:
        raise EngineUnavailableError(
            f"engine {engine!r}: its code was not given; name it with --native-blob"
        )
    if engine == TRANSLATED and translations is None:
        raise EngineUnavailableError(
            f"engine {engine!r}: nothing is translated; name a file with --translations"
        )


def _check_labels(plan: Plan, debuggers: Mapping[str, str]) -> None:
    """Raise PlanError where a debugger is for a machine that the plan does not have."""
    unknown = sorted(set(debuggers) - set(plan.labels))
    if unknown:
        raise PlanError(
            f"--gdb: {unknown[0]!r} is not a machine of {plan.name}; expected one of "
            f"{', '.join(plan.labels)}" + did_you_mean(unknown[0], plan.labels)
        )
