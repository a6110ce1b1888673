"""The real guest on every engine of ours: the same machine after any run, and the same reports.

Needs the packaged images, the compiled interpreter and the kernel's translations, which Pants puts
beside the test (see BUILD).  The services are not translated, so pages of both kinds take turns.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any, Final  # Any: JSON, as it is read.

import pytest

from nexus.config.compile import compile_node
from nexus.config.load import load_any
from nexus.config.node import NodeConfig
from nexus.emulator.machine import Machine, MachineOptions
from nexus.emulator.native.hart import NativeHart
from nexus.emulator.native.translation import Translations
from nexus.emulator.native_interpreter_support import FOR_PROCESSORS, INTERPRETER, RUNS_HERE
from nexus.harness import os2vm

IMAGE: Final = Path("src.guest/system.elf")
PACKAGES: Final = Path("testprojects.packages/packages.img")
TRANSLATIONS: Final = Path("ci/kernel_translations.translations")
NODE: Final = Path("ci/node-single.toml")
WORLD: Final = Path("ci/os2vm.toml")

ENGINES: Final = ("reference", "native", "translated")
COMPARED: Final = ("uart-A.log", "uart-B.log", "capture.pcapng", "trace.txt")

# How far machines may run ahead of each other: down to single instructions.
_SLICES: Final = (1, 3, 1_000, 50_000, 10_000_000)
_NS_PER_INSTRUCTION: Final = 10

pytestmark = pytest.mark.skipif(not RUNS_HERE, reason=FOR_PROCESSORS)


def _machine(engine: str, blob: bytes) -> Machine:
    config = load_any(NODE)
    assert isinstance(config, NodeConfig)
    return Machine(
        MachineOptions(
            kernel=IMAGE.read_bytes(),
            ram_bytes=64 << 20,
            fw_cfg={"opt/org.nexus/node": compile_node(config)},
            mac=b"\x02\x00\x00\x00\x00\x01",
            entropy=bytes,
            engine=engine,
            native_blob=None if engine == "reference" else blob,
            translations=TRANSLATIONS.read_bytes() if engine == "translated" else None,
        )
    )


def _run_in_slices(machine: Machine, until_ns: int, chance: random.Random) -> None:
    while machine.now_ns < until_ns and machine.exit_code is None:
        bound = machine.now_ns + _NS_PER_INSTRUCTION * chance.choice(_SLICES)
        machine.run(min(until_ns, bound))


@pytest.mark.parametrize("seed", [5, 6])
def test_engines_hold_the_same_state_at_random_instants(seed: int) -> None:
    """Registers, memory and devices, wherever the run is cut, and into how many slices."""
    chance = random.Random(seed)
    machines = {engine: _machine(engine, INTERPRETER.read_bytes()) for engine in ENGINES}
    instant = 0
    for _ in range(8):
        instant += _NS_PER_INSTRUCTION * chance.randrange(1, 900_000)
        for machine in machines.values():
            _run_in_slices(machine, instant, chance)
        digests = {engine: machine.state_digest() for engine, machine in machines.items()}
        assert len(set(digests.values())) == 1, f"at {instant} ns: {digests}"
    assert len({machine.instructions for machine in machines.values()}) == 1
    consoles = {machine.take_console() for machine in machines.values()}
    assert len(consoles) == 1
    assert b"init: ready" in consoles.pop(), "a guest that has not booted proves little"
    hart = machines["translated"].hart
    assert isinstance(hart, NativeHart)
    assert isinstance(hart._translations, Translations)
    assert hart._translations._ready, "no page was run translated"


def _run_world(engine: str, out: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", os2vm.__name__, "--world", str(WORLD), "--out", str(out)]
    command += ["--image", f"system={IMAGE}", "--image", f"packages={PACKAGES}"]
    command += ["--native-blob", str(INTERPRETER), "--engine", engine]
    if engine == "translated":
        command += ["--translations", str(TRANSLATIONS)]
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads((out / "summary.json").read_text())
    assert isinstance(summary, dict)
    return summary


def test_engines_run_two_machines_to_the_same_bytes(tmp_path: Path) -> None:
    summaries = {engine: _run_world(engine, tmp_path / engine) for engine in ENGINES}
    expected = summaries["reference"]["deterministic"]
    assert expected["outcome"] == "passed"
    for engine in ENGINES:
        assert summaries[engine]["deterministic"] == expected, engine
        for name in COMPARED:
            found = (tmp_path / engine / name).read_bytes()
            assert found == (tmp_path / "reference" / name).read_bytes(), (engine, name)
