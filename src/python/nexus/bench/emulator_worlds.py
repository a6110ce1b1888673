"""Measures the real guest: worlds of one machine and of two, as whole processes."""

from __future__ import annotations

import shutil
import statistics
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from nexus.bench.bare_qemu import BARE, plan_of, run_bare
from nexus.bench.emulator_figures import Whole
from nexus.bench.emulator_settings import Say, Settings
from nexus.bench.process import Cost, run
from nexus.harness.qemu_command import PROGRAM


def medians(costs: Mapping[str, list[Cost]]) -> dict[str, Whole]:
    """The middle of what each engine took."""
    return {
        engine: {
            "wall_s": statistics.median(cost.wall_s for cost in found),
            "cpu_s": statistics.median(cost.cpu_s for cost in found),
            "rss_kib": statistics.median(cost.rss_kib for cost in found),
        }
        for engine, found in costs.items()
    }


def measure_worlds(settings: Settings, say: Say) -> dict[str, dict[str, Whole]]:
    """Measure the real guest: one machine, and two that talk, each as a whole process."""
    figures: dict[str, dict[str, Whole]] = {}
    for label, world in (("boot", settings.single), ("os2vm", settings.world)):
        costs: dict[str, list[Cost]] = {}
        for number in range(settings.rounds):
            say(f"{label}, round {number + 1} of {settings.rounds}")
            for engine, more in _world_engines(settings):
                costs.setdefault(engine, []).append(run(_world_command(settings, world, more)))
            if shutil.which(PROGRAM):
                plan = plan_of(world, _images(settings, world))
                costs.setdefault(BARE, []).append(run_bare(plan, settings.folder))
        figures[label] = medians(costs)
    return figures


def _world_engines(settings: Settings) -> Iterator[tuple[str, list[str]]]:
    blob = settings.native_blob
    yield "reference", ["--engine", "reference"]
    if blob is not None:
        yield "native", ["--engine", "native", "--native-blob", str(blob)]
        if settings.translations is not None:
            translated = ["--engine", "translated", "--native-blob", str(blob)]
            yield "translated", [*translated, "--translations", str(settings.translations)]
    if shutil.which(PROGRAM):
        yield "qemu", ["--engine", "qemu"]


def _world_command(settings: Settings, world: Path, more: list[str]) -> list[str]:
    out = settings.folder / "out"
    harness = [sys.executable, "-m", "nexus.harness.os2vm", "--plain", "--world", str(world)]
    needed = _images(settings, world).items()
    images = [word for name, path in needed for word in ("--image", f"{name}={path}")]
    return [*harness, *images, "--out", str(out), *more]


def _images(settings: Settings, world: Path) -> dict[str, Path]:
    """The images that a world needs."""
    return settings.images if world == settings.world else {"system": settings.images["system"]}
