"""`python -m nexus.bench pipeline`: what the pipeline itself costs, in clones of this repository.

    cold       everything built and tested from a fresh clone and an empty home; where the time goes
    remote     a fresh clone that finds everything in a shared cache, behind a link of 1 ms and
               1 Gbit/s, against one with a warm store
    unchanged  `test ::` with nothing changed and the daemon running, against `list ::`
    edited     one constant of one guest service changed: which processes run again

The first two have the settings of pipelines (`pants.ci.toml`), the others a developer's: a daemon,
and neither reports nor statistics.  The cold build also fills the shared cache, whose servers are
those of `ci:remote_cache`.  What ran in `edited` must depend on the edited file, and each dependent
test must have run.  Takes twenty minutes on two processors.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final

from nexus.bench.link import linked
from nexus.bench.machine import describe_machine
from nexus.bench.pipeline_run import (
    PIPELINE,
    Clone,
    PipelineProcess,
    PipelineRun,
    RunFailedError,
    environment_of,
    make_clone,
    shared_cache,
)
from nexus.entry.program import run_program

ADDRESS_SETTING: Final = "PANTS_REMOTE_STORE_ADDRESS"

COLD_SECONDS_MAX: Final = 600.0
REMOTE_RATIO_MAX: Final = 1.5
UNCHANGED_RATIO_MAX: Final = 1.5

# The edit: a constant of policyd that reaches its machine code and that no test asks for.
EDITED_FILE: Final = "src/guest/services/policyd/core.zig"
EDITED_TARGET: Final = "src/guest/services/policyd:policyd"
EDITED_TEXT: Final = re.compile(r"(?<=audited_max = )64(?=;)")

TEST_TYPES: Final = "python_test,zig_test,guest_marker_test,two_vm_test"
# How descriptions of processes begin, and what such processes are for.
KINDS: Final = (
    ("Test binary ", "else"),
    ("Run Pytest", "Python tests"),
    ("Boot ", "boots of machines"),
    ("Test ", "zig tests"),
    ("Build ", "images, libraries, machine code"),
    ("Building ", "Python requirements"),
    ("", "else"),
)
# Those of one target each, which they name at their end.
TARGET_KINDS: Final = ("Run Pytest", "Boot ", "Test ", "Build ")
ADDRESS: Final = re.compile(r"\S+:\S+$")


class WrongProcessesError(RuntimeError):
    """Pants ran something that it need not run, or left out what it must; the text says what."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the result; the value is to be at most the target."""

    name: str
    value: float
    target: float
    told: str

    @property
    def is_met(self) -> bool:
        """Whether the target is met."""
        return self.value <= self.target

    def __str__(self) -> str:
        return (
            f"{self.name:<10}{self.value:>8.2f}, at most {self.target:g}"
            f"  {'ok' if self.is_met else 'MISSED'}   {self.told}"
        )


def main(argv: Sequence[str]) -> int:
    """Run the program; 1 if a target is missed or the wrong processes ran."""
    parser = argparse.ArgumentParser(prog="bench pipeline", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side (default 3)")
    parser.add_argument("--root", type=Path, default=Path(), help="this repository")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    options = parser.parse_args(argv)
    host = describe_machine()
    print(host)
    figures: list[Figure] = []
    clones: list[Clone] = []
    try:
        with tempfile.TemporaryDirectory(prefix="nexus-bench-") as name:
            for figure in _measure(Path(name), options.root, options.rounds, clones):
                figures.append(figure)
                print(figure, flush=True)
    except (RunFailedError, WrongProcessesError) as exc:
        print(f"bench pipeline: {exc}", file=sys.stderr)
        return 1
    finally:
        for clone in clones:
            clone.stop_daemon()
    if options.json is not None:
        result = {"host": host, "figures": [asdict(figure) for figure in figures]}
        options.json.write_text(json.dumps(result, indent=2, sort_keys=True) + "\n")
    return 0 if all(figure.is_met for figure in figures) else 1


def _measure(folder: Path, root: Path, rounds: int, clones: list[Clone]) -> Iterable[Figure]:
    home = folder / "home"
    home.mkdir()
    # The servers are not what is measured: they are built in this user's home.
    servers = make_clone(root, folder / "servers", {**environment_of(Path.home()), **PIPELINE})
    with shared_cache(servers, folder / "shared") as settings:
        environment = {**environment_of(home), **PIPELINE}
        cold = make_clone(root, folder / "cold", {**environment, **settings})
        yield _cold(cold)
        with behind_a_link(settings) as linked_settings:
            yield _remote(folder, root, rounds, environment, linked_settings)
    daemon = Clone(cold.folder, environment_of(home))
    clones.append(daemon)
    yield _unchanged(daemon, rounds)
    yield _edited(daemon)


@contextmanager
def behind_a_link(settings: dict[str, str]) -> Iterator[dict[str, str]]:
    """The settings of a cache on this machine, as if it were on another."""
    host, _, port = settings[ADDRESS_SETTING].rpartition(":")
    with linked(int(port)) as near:
        yield {**settings, ADDRESS_SETTING: f"{host}:{near}"}


def _cold(clone: Clone) -> Figure:
    launcher = clone.pants("--version")
    run = clone.pants("--no-pantsd", "test", "::", watched=True)
    for line in breakdown(run.processes):
        print(line)
    seconds = launcher.seconds + run.seconds
    told = (
        f"seconds; {launcher.seconds:.0f} of them to install Pants, {len(run.processes)} processes"
    )
    return Figure("cold", seconds, COLD_SECONDS_MAX, told)


def breakdown(processes: Iterable[PipelineProcess]) -> list[str]:
    """Where the time went: seconds of processes that ran, by kind, the most first."""
    sums = dict.fromkeys((kind for _, kind in KINDS), (0, 0))
    for process in processes:
        if process.ran:
            kind = next(kind for begin, kind in KINDS if process.description.startswith(begin))
            count, elapsed_ms = sums[kind]
            sums[kind] = (count + 1, elapsed_ms + process.elapsed_ms)
    order = sorted(sums.items(), key=lambda entry: (-entry[1][1], entry[0]))
    return [f"    {ms / 1000:>7.1f} s  {count:>4}  {kind}" for kind, (count, ms) in order if count]


def _remote(
    folder: Path,
    root: Path,
    rounds: int,
    environment: dict[str, str],
    settings: dict[str, str],
) -> Figure:
    found: list[float] = []
    warm: list[float] = []
    asked = 0
    for turn in range(rounds):
        place = folder / f"turn-{turn}"
        reader = {**environment, **settings, "PANTS_REMOTE_CACHE_WRITE": "false"}
        fresh = make_clone(root, place / "fresh", reader)
        empty = (f"--local-store-dir={place}/store", f"--named-caches-dir={place}/caches")
        run = fresh.pants("--no-pantsd", *empty, "test", "::", watched=True)
        asked = require_all_found(run)
        found.append(run.seconds)
        local = make_clone(root, place / "local", environment)
        warm.append(local.pants("--no-pantsd", "test", "::", watched=True).seconds)
    ratio = median(there / here for there, here in zip(found, warm, strict=True))
    told = f"{median(found):.1f} s against {median(warm):.1f} s, {asked} of {asked} found"
    return Figure("remote", ratio, REMOTE_RATIO_MAX, told)


def require_all_found(run: PipelineRun) -> int:
    """How many processes the shared cache was asked for, if it had them all.

    One that ended here before the answer came is not a miss: small ones are run meanwhile.

    Raises:
        WrongProcessesError: It was not asked, or did not have all of them.
    """
    asked = run.counter("remote_cache_requests")
    found = run.counter("remote_cache_requests_cached")
    here_first = run.counter("remote_cache_speculation_local_completed_first")
    if not asked or found + here_first < asked:
        ran = [process.description for process in run.processes if process.ran]
        raise WrongProcessesError(
            f"the shared cache had {found} of {asked} processes; ran here: {', '.join(ran)}"
        )
    return asked


def _unchanged(clone: Clone, rounds: int) -> Figure:
    # The first starts the daemon, the second finds it in order.
    for _ in range(2):
        clone.pants("test", "::")
    ratios = []
    for _ in range(rounds):
        plain = clone.pants("list", "::").seconds
        ratios.append((clone.pants("test", "::").seconds, plain))
    tests, plains = (median(side) for side in zip(*ratios, strict=True))
    ratio = median(ours / plain for ours, plain in ratios)
    told = f"test :: {tests:.2f} s against list :: {plains:.2f} s"
    return Figure("unchanged", ratio, UNCHANGED_RATIO_MAX, told)


def _edited(clone: Clone) -> Figure:
    dependents = clone.addresses("dependents", "--transitive", "--closed", EDITED_TARGET)
    modules = clone.addresses("dependents", "--transitive", "--closed", EDITED_FILE)
    concerned = dependents | modules
    tests = clone.addresses(f"--filter-target-type={TEST_TYPES}", "list", *sorted(concerned))
    path = clone.folder / EDITED_FILE
    text, count = EDITED_TEXT.subn("127", path.read_text(encoding="utf-8"))
    if count != 1:
        raise WrongProcessesError(f"{EDITED_FILE}: the constant to edit is not there")
    path.write_text(text, encoding="utf-8")
    run = clone.pants("test", "::", watched=True)
    again = require_dependents_only(run.processes, concerned, len(tests))
    told = f"processes ran again, among them the {len(tests)} tests that depend, and no other"
    return Figure("edited", again, again, told)


def require_dependents_only(
    processes: Iterable[PipelineProcess], concerned: frozenset[str], tests: int
) -> int:
    """Count what ran for a target, if it depends on the edit and each dependent test is among it.

    Raises:
        WrongProcessesError: A process of another target ran, or a dependent test was left out.
    """
    ran = tested = 0
    for process in processes:
        address = address_of(process.description)
        if address is None or not process.ran:
            continue
        if address not in concerned:
            raise WrongProcessesError(f"ran without need: {process.description}")
        ran += 1
        tested += not process.description.startswith("Build ")
    if tested != tests:
        raise WrongProcessesError(f"{tests} tests depend on the edit, and {tested} ran")
    return ran


def address_of(description: str) -> str | None:
    """The target that a process is for; none if it looks at the machine or makes a tool."""
    if not description.startswith(TARGET_KINDS):
        return None
    found = ADDRESS.search(description)
    return found[0] if found else None


if __name__ == "__main__":
    run_program(main)
