"""`python -m nexus.bench simulation`: what fault worlds cost.

Times are of the processor, so that a busy host changes them little.  Scaling over processors by
wall time means something on an idle host alone.  What processor time allows is said beside it: what
two processes spend more than one, on caches, memory and their own start, is lost.

Every run is one of `ci/faults/links.toml` or of a ring of nodes that only keep their sessions.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from nexus.bench.emulator_tools import IMAGES, INTERPRETER, package
from nexus.bench.images import named_image
from nexus.campaign import pool
from nexus.campaign.crowd import write_ring
from nexus.campaign.machines import Code
from nexus.campaign.prepare import Prepared, prepare
from nexus.campaign.recipe import Recipe
from nexus.campaign.run import run
from nexus.campaign.shrink import Shrinker, count_faults
from nexus.entry.arguments import ArgumentParser
from nexus.entry.options import whole

NODES: Final = (2, 4, 8, 16, 32)
# The services of a node of the ring: all that keeps sessions, and no selftest.
SERVICES: Final = ("logd", "policyd", "samgrd", "rngd", "bundlemgrd", "netstackd", "dsoftbusd")
_RING_MS: Final = 1000
_ROUNDS: Final = 3
_SEEDS_MAX: Final = 10_000

_ORACLE: Final = """\
from nexus.campaign.judging import Violation

def check(observation):
    lost = [frame for frame in observation.frames if "loss" in frame.fates]
    if len(lost) >= 3:
        yield Violation("three-lost", "", lost[2].sent_ns, "three frames were lost")
"""

_FAULTS: Final = """\
[[fault]]
kind = "loss"
chance = "1"
most = "1"
[[fault]]
kind = "corrupt"
chance = "1"
may_idle = true
[[fault]]
kind = "delay"
chance = "1"
count = 8
length_ms = [10, 50]
may_idle = true
"""


def main(argv: Sequence[str]) -> int:
    """Run the program; return its exit code."""
    options = _parser().parse_args(argv)
    blob, images = _provided(options)
    code = Code("native", blob.read_bytes())
    with tempfile.TemporaryDirectory(prefix="nexus-bench-") as folder:
        figures = _measure(options, code, images, Path(folder))
    for name, value in figures.items():
        print(f"{name:45} {value}")
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


def _provided(options: argparse.Namespace) -> tuple[Path, dict[str, Path]]:
    """The interpreter and the images: what was given, else what Pants packages."""
    dist = Path.cwd() / "dist"
    if options.native_blob is None:
        package(Path.cwd(), [INTERPRETER[0], *(target for target, _ in IMAGES.values())])
    images = {name: dist / path for name, (_, path) in IMAGES.items()}
    return options.native_blob or dist / INTERPRETER[1], {**images, **dict(options.image)}


def _measure(
    options: argparse.Namespace, code: Code, images: Mapping[str, Path], folder: Path
) -> dict[str, object]:
    links = prepare(options.scenario, images, code)
    figures: dict[str, object] = {}
    spent_s, virtual_s = _seeds(links, options.seeds)
    figures["two-node fault worlds a minute, one core"] = round(options.seeds * 60 / spent_s)
    figures["virtual seconds per second of a core"] = round(virtual_s / spent_s, 2)
    first_s = 0.0
    for count in NODES:
        ring = _ring(folder, count, images, code)
        spent_s, _ = _seeds(ring, 1)
        first_s = first_s or spent_s / NODES[0]
        figures[f"ring of {count} nodes, 1 virtual s: core s"] = round(spent_s, 2)
        figures[f"ring of {count} nodes: a node against that of 2"] = round(
            spent_s / count / first_s, 2
        )
    figures |= _scaling(links, options.seeds)
    figures |= _shrink(folder, images, code)
    return figures


def _seeds(prepared: Prepared, count: int) -> tuple[float, float]:
    """Processor seconds and virtual seconds of some seeds, behind one that warms up."""
    run(prepared, Recipe(seed=0))
    began_s = time.process_time()
    virtual_ns = sum(
        run(prepared, Recipe(seed=seed)).observation.end_ns for seed in range(1, count + 1)
    )
    return time.process_time() - began_s, virtual_ns / 1e9


def _scaling(prepared: Prepared, seeds: int) -> dict[str, object]:
    """One process against two, in turn: of each the round that others disturbed least."""
    rounds = [[_play(prepared, jobs, seeds) for jobs in (1, 2)] for _ in range(_ROUNDS)]
    (one_s, one_core_s), (two_s, two_core_s) = (
        [min(times) for times in zip(*played, strict=True)] for played in zip(*rounds, strict=True)
    )
    return {
        "two processes against one, by wall time": round(one_s / two_s, 2),
        "the same, as processor time allows": round(2 * one_core_s / two_core_s, 2),
    }


def _play(prepared: Prepared, jobs: int, seeds: int) -> tuple[float, float]:
    """Seconds of a campaign: of the wall, and of all processors together."""
    name = prepared.scenario.name
    work = [(name, seed) for seed in range(seeds)]
    began_s, began_core_s = time.monotonic(), _core_s()
    for _ in pool.run_all({name: prepared}, work, jobs):
        pass
    return time.monotonic() - began_s, _core_s() - began_core_s


def _core_s() -> float:
    """Processor seconds of this process and of those that it has waited for."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def _ring(folder: Path, count: int, images: Mapping[str, Path], code: Code) -> Prepared:
    place = folder / str(count)
    place.mkdir()
    scenario = write_ring(place, count, start=SERVICES, run_ms=_RING_MS)
    return prepare(scenario, images, code)


def _shrink(folder: Path, images: Mapping[str, Path], code: Code) -> dict[str, object]:
    """Shrink a run of four nodes that a user's oracle complains of."""
    place = folder / "shrink"
    place.mkdir()
    scenario = write_ring(place, 4, start=SERVICES, faults=_FAULTS)
    text = scenario.read_text()
    (place / "oracle.py").write_text(_ORACLE)
    scenario.write_text('oracles = ["oracle.py"]\n' + text)
    prepared = prepare(scenario, images, code)
    ran = run(prepared, Recipe(seed=1))
    began_s = time.process_time()
    shrinker = Shrinker(prepared, ran)
    small = shrinker.shrink()
    return {
        "a shrink: core s": round(time.process_time() - began_s, 1),
        "a shrink: runs": shrinker.runs,
        "a shrink: single faults before": count_faults(ran),
        "a shrink: single faults left": count_faults(small),
    }


def _parser() -> ArgumentParser:
    parser = ArgumentParser("ci:bench simulation", __doc__ or "")
    add = parser.add_argument
    add("--native-blob", type=Path, help="the native interpreter; default: Pants packages it")
    add("--image", type=named_image, action="append", default=[], metavar="NAME=FILE")
    add(
        "--scenario", type=Path, default=Path("ci/faults/links.toml"), help="the world of two nodes"
    )
    add("--seeds", type=whole(1, _SEEDS_MAX), default=20, help="runs of each measurement")
    add("--json", type=Path, help="write the figures here as well")
    return parser
