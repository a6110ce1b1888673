"""Measures: every engine that is here on every workload, interleaved."""

from __future__ import annotations

import json
import shutil
import statistics
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from nexus.bench.emulator_figures import Result, Steady, Stops, Whole
from nexus.bench.emulator_settings import Say, Settings
from nexus.bench.emulator_worlds import measure_worlds, medians
from nexus.bench.guest_cliff import CLIFFS, STORMS
from nexus.bench.guest_harts import HARTS
from nexus.bench.guest_kernel import DISK_BYTES, KERNEL
from nexus.bench.guest_stops import STOPS
from nexus.bench.guest_workload import EMPTY, WORKLOADS
from nexus.bench.machine import machine_facts
from nexus.bench.process import Cost, run
from nexus.contract.node import DeviceSlot
from nexus.harness.qemu_command import PROGRAM

# The reference is hundreds of times slower; its rate is measured on shorter runs.
_REFERENCE_DIVISOR: Final = 200

# Everything that is run by itself.
PROGRAMS: Final = {**WORKLOADS, **CLIFFS, **STORMS, **HARTS, "empty": EMPTY}

Command = Callable[[Path, str, int], list[str]]  # From a kernel, a disk (or none) and harts.

_RUN_GUEST: Final = "nexus.bench.run_guest"
_RUN_DEBUGGED: Final = "nexus.bench.run_debugged"
_RUN_STOPS: Final = "nexus.bench.run_stops"
_FOREIGN: Final = "a foreign kernel to its prompt"


@dataclass(slots=True)
class _Samples:
    """All costs of one engine, by what was run."""

    costs: dict[str, list[Cost]] = field(default_factory=dict)
    # The time of the guest's run alone, where the process says so.
    run_cpu_s: dict[str, list[float]] = field(default_factory=dict)
    instructions: dict[str, int] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)

    def steady_s(self, name: str) -> float:
        """Processor time of the guest's own run; QEMU's is that of its process less a start."""
        if name in self.run_cpu_s:
            return statistics.median(self.run_cpu_s[name])
        start = self.median("empty", lambda cost: cost.cpu_s)
        return max(self.median(name, lambda cost: cost.cpu_s) - start, 1e-6)

    def median(self, name: str, value: Callable[[Cost], float]) -> float:
        return statistics.median(value(cost) for cost in self.costs[name])


def measure(settings: Settings, say: Say) -> Result:
    """Run everything."""
    engines = _engines(settings, say)
    names = settings.workloads or [name for name in PROGRAMS if name != "empty"]
    samples = {engine: _Samples() for engine in engines}
    kernels = _write_kernels(settings, names)
    for number in range(settings.rounds):
        say(f"round {number + 1} of {settings.rounds}")
        for name in (*names, "empty"):
            for engine, command in engines.items():
                words = command(kernels[engine == "reference"][name], "", PROGRAMS[name].harts)
                _sample(samples[engine], name, words)
    worlds = _measure_foreign(settings, engines, say) if settings.workloads is None else {}
    if settings.images:
        worlds |= measure_worlds(settings, say)
    return {
        "host": machine_facts(PROGRAM),
        "rounds": settings.rounds,
        "divisor": settings.divisor,
        "answers_agree": _agree(samples, names),
        "workloads": {name: _figures(samples, name) for name in names},
        "start": medians({engine: found.costs["empty"] for engine, found in samples.items()}),
        "debugged": _measure_debugged(engines, kernels[0], say),
        "stops": _measure_stops(engines, settings.folder, say) if not settings.workloads else {},
        "programs": _measure_programs(settings, kernels[0]["empty"], say),
        "worlds": worlds,
    }


def _engines(settings: Settings, say: Say) -> dict[str, Command]:
    """The command that runs a kernel, for every engine that is here."""
    blob = settings.native_blob
    engines: dict[str, Command] = {"reference": partial(_guest, "reference", ())}
    if blob is not None:
        engines["native"] = partial(_guest, "native", (blob,))
        if settings.translator:
            engines["translated"] = lambda kernel, disk, harts: _guest(
                "translated", (blob, _translate(settings, kernel)), kernel, disk, harts
            )
    if shutil.which(PROGRAM):
        engines["qemu"] = lambda kernel, disk, harts: [
            PROGRAM,
            "-M",
            "virt",
            "-bios",
            "none",
            "-m",
            "64M",
            "-nodefaults",
            "-smp",
            str(harts),
            "-display",
            "none",
            "-serial",
            "stdio",
            "-kernel",
            str(kernel),
            *(_qemu_disk(disk) if disk else ()),
        ]
    else:
        say(f"{PROGRAM} is not here: no ratios")
    return engines


def _guest(engine: str, code: tuple[Path, ...], kernel: Path, disk: str, harts: int) -> list[str]:
    """The command of one of our engines; `code` is what it needs besides the kernel."""
    words = [engine, str(kernel), disk, str(harts), *map(str, code)]
    return [sys.executable, "-m", _RUN_GUEST, *words]


def _translate(settings: Settings, kernel: Path) -> Path:
    """The translations of a workload, made when they are first asked for."""
    path = kernel.with_suffix(".translations")
    if not path.exists():
        run([*settings.translator, "--elf", str(kernel), "--out", str(path)])
    return path


def _write_kernels(settings: Settings, names: list[str]) -> tuple[dict[str, Path], dict[str, Path]]:
    """The workloads as files: at full length, and short ones for the reference."""
    found: list[dict[str, Path]] = []
    for label, divisor in (("full", 1), ("short", _REFERENCE_DIVISOR)):
        paths = {}
        for name in (*names, "empty"):
            paths[name] = settings.folder / f"{name.replace(' ', '-')}-{label}.elf"
            paths[name].write_bytes(PROGRAMS[name].elf(divisor * settings.divisor))
        found.append(paths)
    return found[0], found[1]


def _sample(samples: _Samples, name: str, command: list[str]) -> None:
    cost = run(command)
    samples.costs.setdefault(name, []).append(cost)
    samples.answers[name] = cost.output
    if command[0] != PROGRAM:
        report = json.loads(cost.output)
        samples.instructions[name] = report["instructions"]
        samples.run_cpu_s.setdefault(name, []).append(report["run_cpu_s"])
        samples.answers[name] = report["console"]


def _agree(samples: Mapping[str, _Samples], names: list[str]) -> bool:
    """True if every engine but the reference, whose runs are shorter, gave the same answers."""
    full = [found for engine, found in samples.items() if engine != "reference"]
    return all(len({found.answers[name] for found in full}) <= 1 for name in names)


def _figures(samples: Mapping[str, _Samples], name: str) -> dict[str, Steady]:
    """Return the figures of one workload, by engine."""
    figures: dict[str, Steady] = {}
    for engine, found in samples.items():
        steady = found.steady_s(name)
        count = found.instructions.get(name) or _instructions(samples, name)
        figures[engine] = {
            "steady_s": steady,
            "wall_s": found.median(name, lambda cost: cost.wall_s),
            "rss_kib": found.median(name, lambda cost: cost.rss_kib),
            "instructions": count,
            "mips": count / steady / 1e6,
        }
    return figures


def _instructions(samples: Mapping[str, _Samples], name: str) -> int:
    """Return the count of QEMU's instructions: the native engine's, or about the reference's."""
    if "native" in samples:
        return samples["native"].instructions[name]
    return samples["reference"].instructions[name] * _REFERENCE_DIVISOR


def _qemu_disk(path: str) -> tuple[str, ...]:
    """The disk where our board has its first one."""
    return (
        "-global",
        "virtio-mmio.force-legacy=false",
        "-drive",
        f"file={path},if=none,id=disk,format=raw",
        "-device",
        f"virtio-blk-device,drive=disk,bus=virtio-mmio-bus.{int(DeviceSlot.STATE)}",
    )


def _measure_debugged(
    engines: Mapping[str, Command], kernels: Mapping[str, Path], say: Say
) -> dict[str, dict[str, float]]:
    """The speed under a debugger that stops nowhere, against that without: name, engine, ratio."""
    found: dict[str, dict[str, float]] = {}
    for name in kernels:
        if name not in WORKLOADS or not WORKLOADS[name].is_compute:
            continue
        say(f"{name}, with a debugger and without")
        for engine in engines:
            if engine in ("native", "translated"):
                words = engines[engine](kernels[name], "", 1)
                words[words.index(_RUN_GUEST)] = _RUN_DEBUGGED  # It takes the same arguments.
                found.setdefault(name, {})[engine] = json.loads(run(words).output)["ratio"]
    return found


def _measure_stops(engines: Mapping[str, Command], folder: Path, say: Say) -> Stops:
    """Measure the speed left with a stop, and the cost of one that is met."""
    kernel = folder / "stops.elf"
    kernel.write_bytes(STOPS.elf())
    found: dict[str, dict[str, dict[str, float]]] = {"left": {}, "met_us": {}}
    for engine in engines:
        if engine in ("native", "translated"):
            say(f"stops of a debugger, {engine}")
            words = engines[engine](kernel, "", 1)
            words[words.index(_RUN_GUEST)] = _RUN_STOPS  # It takes the same arguments.
            for what, figures in json.loads(run(words).output).items():
                for name, value in figures.items():
                    found[what].setdefault(name, {})[engine] = value
    return {"left": found["left"], "met_us": found["met_us"]}


def _measure_foreign(
    settings: Settings, engines: Mapping[str, Command], say: Say
) -> dict[str, dict[str, Whole]]:
    """Measure a kernel that is not ours, from the start of the process to its prompt."""
    kernel, disk = settings.folder / "foreign.elf", settings.folder / "foreign.img"
    kernel.write_bytes(KERNEL.elf())
    disk.write_bytes(bytes(DISK_BYTES))
    costs: dict[str, list[Cost]] = {}
    for number in range(settings.rounds):
        say(f"{_FOREIGN}, round {number + 1} of {settings.rounds}")
        for engine, command in engines.items():
            costs.setdefault(engine, []).append(run(command(kernel, str(disk), 1)))
    return {_FOREIGN: medians(costs)}


def _measure_programs(settings: Settings, kernel: Path, say: Say) -> dict[str, Whole]:
    """The `nexus` command itself, from its modules and packaged: a help text, and a short guest."""
    commands = {"modules": [sys.executable, "-m", "nexus.cli.main"]}
    if settings.program is not None:
        commands["packaged"] = [str(settings.program)]
        commands["packaged, by python3"] = [sys.executable, str(settings.program)]
    blob = settings.native_blob
    native = ["--native-blob", str(blob)] if blob is not None else []
    guest = ["vm", "run", "--kernel", str(kernel), "--no-translate-cache", *native]
    costs: dict[str, list[Cost]] = {}
    for command in commands.values():
        for _ in range(2):  # The first start unpacks a packaged program, for each interpreter.
            run([*command, "--help"])
    for number in range(settings.rounds):
        say(f"starts, round {number + 1} of {settings.rounds}")
        for name, command in commands.items():
            costs.setdefault(f"{name}: nexus --help", []).append(run([*command, "--help"]))
            label = f"{name}: nexus vm run, a guest that ends at once"
            costs.setdefault(label, []).append(run([*command, *guest]))
    return medians(costs)
