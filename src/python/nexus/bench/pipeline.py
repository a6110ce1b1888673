"""`python -m nexus.bench pipeline`: what the pipeline itself costs, in clones of this repository.

    cold       everything built and tested from a fresh clone and an empty home; where the time goes
    remote     a fresh clone that finds everything in a shared cache, behind a link of 1 ms and
               1 Gbit/s, against one with a warm store
    unchanged  `test ::` with nothing changed and the daemon running, against `list ::`
    edited     one constant of one guest service changed: which processes run again
    workers    a cold `test` on two workers of one processor each, against one

The first two have the settings of pipelines (`pants.ci.toml`), the next two those of developers:
a daemon, no reports, no statistics.  The cold build also fills the shared cache, whose servers are
those of `ci:remote_cache`.  What ran in `edited` must depend on the edited file, and each dependent
test must have run.  `workers` is measured in turns, from the beginning of the first process to the
end of the last; `--share 50` gives each half a processor, for a machine that has two, where the
server and Pants would take theirs.  All of it takes an hour on two processors: `--only` takes some
rows, and `--slice` some targets in place of all.
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

from nexus.bench import pipeline_team
from nexus.bench.link import linked
from nexus.bench.machine import describe_machine
from nexus.bench.pipeline_judging import (
    Figure,
    WrongProcessesError,
    breakdown,
    require_all_found,
    require_dependents_only,
)
from nexus.bench.pipeline_run import (
    PIPELINE,
    Clone,
    environment_of,
    make_clone,
    shared_cache,
)
from nexus.bench.pipeline_team import ADDRESS_SETTING, WHOLE
from nexus.bench.started import RunFailedError
from nexus.core.commandline import CommandLine, bounded, fail, one_of
from nexus.core.errors import UsageError
from nexus.core.exits import EXIT_CONFIG
from nexus.entry.program import run_program

COLD_SECONDS_MAX: Final = 600.0
REMOTE_RATIO_MAX: Final = 1.5
UNCHANGED_RATIO_MAX: Final = 1.5
WORKERS_RATIO_MIN: Final = 1.6

ROUNDS_MAX: Final = 100

ROWS: Final = ("cold", "remote", "unchanged", "edited", "workers")
SERVER_TARGET: Final = "ci:remote_cache"
SERVER_FILE: Final = "dist/ci/remote_cache.pex"

# The edit: a constant of policyd that reaches its machine code and that no test asks for.
EDITED_FILE: Final = "src/guest/services/policyd/core.zig"
EDITED_TARGET: Final = "src/guest/services/policyd:policyd"
EDITED_TEXT: Final = re.compile(r"(?<=audited_max = )64(?=;)")

TEST_TYPES: Final = "python_test,zig_test,guest_marker_test,two_vm_test"


@dataclass(frozen=True, slots=True)
class Bench:
    """The rows that are measured, and the folder for it."""

    root: Path
    folder: Path
    rounds: int
    rows: Sequence[str]
    slice: Sequence[str]  # The targets that are tested.
    share: int  # Percent of a processor for each worker.
    program: Path | None  # A packaged `ci:remote_cache`; without it, one is packaged.

    @property
    def user(self) -> dict[str, str]:
        """The environment of this user, in a pipeline: what it makes is not measured."""
        return {**environment_of(Path.home()), **PIPELINE}


def main(argv: Sequence[str]) -> int:
    """Run the program; 1 if a target is missed or the wrong processes ran."""
    figures: list[Figure] = []
    clones: list[Clone] = []
    host = describe_machine()
    try:
        options = parse(argv)
        rounds = bounded("--rounds", options.rounds, 1, ROUNDS_MAX) or 1
        share = bounded("--share", options.share, 1, WHOLE)
        rows = [one_of("--only", name, ROWS) for name in options.only or ROWS]
        print(host)
        with tempfile.TemporaryDirectory(prefix="nexus-bench-") as name:
            chosen = options.slice or ["::"]
            bench = Bench(
                options.root, Path(name), rounds, rows, chosen, share or WHOLE, options.program
            )
            for figure in _measure(bench, clones):
                figures.append(figure)
                print(figure, flush=True)
    except UsageError as exc:
        return fail(exc, EXIT_CONFIG)
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


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = CommandLine("bench pipeline", __doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--rounds", default="3", metavar="N", help="turns of each side (default 3)")
    add("--only", action="append", metavar="ROW", help=f"of {', '.join(ROWS)} (repeatable)")
    text = "targets to test in cold, remote and workers (repeatable; default ::)"
    add("--slice", action="append", metavar="TARGET", help=text)
    add("--share", default=str(WHOLE), metavar="N", help="percent of a processor for each worker")
    add("--program", type=Path, metavar="FILE", help=f"a packaged {SERVER_TARGET}")
    add("--root", type=Path, default=Path(), help="this repository")
    add("--json", type=Path, help="write the figures here as well")
    return parser.parse_args(argv)


def _measure(bench: Bench, clones: list[Clone]) -> Iterable[Figure]:
    folder, rows = bench.folder, bench.rows
    home = folder / "home"
    home.mkdir()
    environment = {**environment_of(home), **PIPELINE}
    cold = Clone(folder / "cold", environment)
    if {"cold", "remote", "unchanged", "edited"} & set(rows):
        # The servers are not what is measured: they are built in this user's home.
        servers = make_clone(bench.root, folder / "servers", bench.user)
        with shared_cache(servers, folder / "shared") as settings:
            cold = make_clone(bench.root, cold.folder, {**environment, **settings})
            figure = _cold(cold, bench.slice)
            if "cold" in rows:
                yield figure
            if "remote" in rows:
                with behind_a_link(settings) as linked_settings:
                    yield _remote(bench, environment, linked_settings)
    daemon = Clone(cold.folder, environment_of(home))
    clones.append(daemon)
    if "unchanged" in rows:
        yield _unchanged(daemon, bench.rounds)
    if "edited" in rows:
        yield _edited(daemon)
    if "workers" in rows:
        yield _workers(bench)


def _workers(bench: Bench) -> Figure:
    """Workers see the interpreters and the Pants of this user, as those of a team do."""
    pipeline_team.processors()  # Too few are said before anything is built.
    clone = make_clone(bench.root, bench.folder / "team", bench.user)
    program = bench.program
    if program is None:
        clone.pants("--no-pantsd", "package", SERVER_TARGET)
        program = clone.folder / SERVER_FILE
    place = bench.folder / "workers"
    turns = pipeline_team.cold_turns(
        program.resolve(), clone, place, bench.rounds, bench.slice, bench.share
    )
    ratio, told = pipeline_team.compare(turns)
    told = f"{told}, {turns[1][0].executed} processes, {bench.share} % of a processor each"
    return Figure("workers", ratio, WORKERS_RATIO_MIN, told, is_least=True)


@contextmanager
def behind_a_link(settings: dict[str, str]) -> Iterator[dict[str, str]]:
    """The settings of a cache on this machine, as if it were on another."""
    host, _, port = settings[ADDRESS_SETTING].rpartition(":")
    with linked(int(port)) as near:
        yield {**settings, ADDRESS_SETTING: f"{host}:{near}"}


def _cold(clone: Clone, targets: Sequence[str]) -> Figure:
    launcher = clone.pants("--version")
    run = clone.pants("--no-pantsd", "test", *targets, watched=True)
    for line in breakdown(run.processes):
        print(line)
    seconds = launcher.seconds + run.seconds
    told = (
        f"seconds; {launcher.seconds:.0f} of them to install Pants, {len(run.processes)} processes"
    )
    return Figure("cold", seconds, COLD_SECONDS_MAX, told)


def _remote(bench: Bench, environment: dict[str, str], settings: dict[str, str]) -> Figure:
    found: list[float] = []
    warm: list[float] = []
    asked = 0
    for turn in range(bench.rounds):
        place = bench.folder / f"turn-{turn}"
        reader = {**environment, **settings, "PANTS_REMOTE_CACHE_WRITE": "false"}
        fresh = make_clone(bench.root, place / "fresh", reader)
        empty = (f"--local-store-dir={place}/store", f"--named-caches-dir={place}/caches")
        run = fresh.pants("--no-pantsd", *empty, "test", *bench.slice, watched=True)
        asked = require_all_found(run)
        found.append(run.seconds)
        local = make_clone(bench.root, place / "local", environment)
        warm.append(local.pants("--no-pantsd", "test", *bench.slice, watched=True).seconds)
    ratio = median(there / here for there, here in zip(found, warm, strict=True))
    told = f"{median(found):.1f} s against {median(warm):.1f} s, {asked} of {asked} found"
    return Figure("remote", ratio, REMOTE_RATIO_MAX, told)


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
        raise WrongProcessesError(
            f"{EDITED_FILE}: {count} places match {EDITED_TEXT.pattern!r}; expected one, to edit"
        )
    path.write_text(text, encoding="utf-8")
    run = clone.pants("test", "::", watched=True)
    again = require_dependents_only(run.processes, concerned, len(tests))
    told = f"processes ran again, among them the {len(tests)} tests that depend, and no other"
    return Figure("edited", again, again, told)


if __name__ == "__main__":
    run_program(main)
