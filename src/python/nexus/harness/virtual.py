"""The deterministic engine: machines of the emulator in a simulated world.

The emulator is imported only when machines are made from a plan, so that everything above it
can be tested on scripted machines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from nexus.core.randomness import KeyedRandom
from nexus.harness.engine import EngineUnavailableError
from nexus.harness.plan import Plan, PlanError
from nexus.simulation.entropy import EntropyStream
from nexus.simulation.machine import Machine
from nexus.simulation.world import Step, World

# Where the guest's init finds the node configuration (docs/spec/node-config.md).
CONFIG_FILE: Final = "opt/org.nexus/node"

# The engine whose code is a build product of its own and has to be handed in.
AUTO: Final = "auto"
REFERENCE: Final = "reference"
NATIVE: Final = "native"
TRANSLATED: Final = "translated"


class VirtualEngine:
    """A world of machines as an engine."""

    is_reproducible = True

    def __init__(self, plan: Plan, machines: Mapping[str, Machine], description: str) -> None:
        """Join machines that are at time 0 by the plan's network."""
        self.description = description
        self._world = World(machines, plan.link, KeyedRandom(plan.seed))

    def step(self, limit_ns: int) -> Step:
        """Advance the world by one step."""
        return self._world.step(limit_ns)

    def states(self) -> dict[str, str]:
        """What each machine is up to, in words."""
        return self._world.states()

    def instructions(self) -> dict[str, int]:
        """Instructions retired per machine."""
        return self._world.instructions()

    def fault_counts(self) -> dict[str, int]:
        """How often each network fault was injected."""
        return dict(sorted(Counter(event.fault.value for event in self._world.faults).items()))

    def trace_text(self) -> str:
        """The newest trace lines."""
        return self._world.trace.text()

    def trace_digest(self) -> str:
        """SHA-256 over all trace lines."""
        return self._world.trace.digest()

    def close(self) -> None:
        """Nothing to let go of: the world is memory."""


def choose_engine(engine: str, native_code: bytes | None, processor: str) -> str:
    """Name the engine that `auto` stands for on a host with this processor.

    All engines give the same bytes, so the choice may depend on the host; the summary names it.
    """
    from nexus.emulator.native.mapping import HOSTS

    if engine != AUTO:
        return engine
    return NATIVE if native_code is not None and processor in HOSTS else REFERENCE


def boot(
    plan: Plan,
    engine: str,
    native_code: bytes | None = None,
    translations: bytes | None = None,
) -> VirtualEngine:
    """Power on the plan's machines on the named engine of the emulator.

    Raises:
        PlanError: an image is none, or the native code is not this version's.
        EngineUnavailableError: the engine is not here.
    """
    from nexus.emulator.board import AttachedDrive
    from nexus.emulator.device.virtio_blk import MemoryDrive
    from nexus.emulator.machine import ENGINES, MachineOptions
    from nexus.emulator.machine import Machine as EmulatedMachine

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
    random = KeyedRandom(plan.seed)
    machines: dict[str, Machine] = {}
    for machine in plan.machines:
        try:
            machines[machine.label] = EmulatedMachine(
                MachineOptions(
                    kernel=machine.image,
                    ram_bytes=machine.ram_bytes,
                    fw_cfg={CONFIG_FILE: machine.config},
                    drives=[
                        AttachedDrive(drive.slot, MemoryDrive(drive.content), drive.is_read_only)
                        for drive in machine.drives
                    ],
                    mac=machine.mac,
                    entropy=EntropyStream(random, machine.label),
                    engine=engine,
                    native_blob=None if engine == REFERENCE else native_code,
                    translations=translations if engine == TRANSLATED else None,
                )
            )
        except ValueError as exc:  # What the emulator refuses: image, size, native code.
            raise PlanError(f"{plan.name}: machine {machine.label}: {exc}") from exc
    return VirtualEngine(plan, machines, f"nexus.emulator ({engine})")
