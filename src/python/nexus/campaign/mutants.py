"""`python -m nexus.campaign.mutants`: deliberately wrong systems, each of which must be found.

A mutant that survives shows an oracle that is missing.  One that is found counts only if the system
as it is passes the same seed; so a rule that always complains proves nothing.

It prints a line for each mutant, and leaves mutants.json and junit.xml behind.
"""

from __future__ import annotations

import json
import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Final

from nexus.campaign import pool
from nexus.campaign.inputs import add_options, code_of, images_of
from nexus.campaign.judging import Violation
from nexus.campaign.prepare import Prepared, prepare
from nexus.campaign.recipe import Recipe
from nexus.campaign.run import Ran, run
from nexus.campaign.shrink import Shrinker, count_faults
from nexus.config.error import ConfigError, Problem
from nexus.config.fields import Line, Many, Model
from nexus.config.files import read_toml
from nexus.config.limits import Count, Within
from nexus.config.load import parse
from nexus.core import junit
from nexus.core.commandline import CommandLine, bounded, fail, named_paths, one_of
from nexus.core.errors import NexusError, UsageError
from nexus.core.exits import EXIT_CONFIG
from nexus.core.text import printable
from nexus.entry.program import Text, run_program
from nexus.harness import artifacts

OUT_DEFAULT: Final = Path("dist/mutants")
EXIT_SURVIVED: Final = 1

# A mistake that takes more seeds than this to be found is not held by any oracle.
SEEDS_MAX: Final = 200
MUTANTS_MAX: Final = 100
# A run that was shrunk is to show its cause: so many faults a person can still follow.
FAULTS_MAX: Final = 5
SYSTEM: Final = "system"
# As scenarios call it that share a campaign with those of the product's own system.
WORKLOAD: Final = "workload"
_FORM: Final = "NAME=PATH, the image of a mutant"


class MutantConfig(Model):
    """`[[mutant]]`: one mistake, and how it is to be found."""

    name: Line
    text: Line
    file: Line
    find: str
    replace: str
    scenario: Line  # A file beside the list.
    seeds: Annotated[int, Within(1, SEEDS_MAX)] = 8
    rules: Annotated[Many[Line], Count(1, 16)]


class MutantList(Model):
    """The whole file."""

    mutant: Annotated[Many[MutantConfig], Count(1, MUTANTS_MAX)]


@dataclass(frozen=True, slots=True)
class Hunted:
    """The end of the hunt for one mutant.

    `seed` is the one that found it, and `tried` how many were run; None is that it survived.
    `seconds` are those of a processor.
    `false` is what the same rules said of the system as it is, at the same seed.
    """

    name: str
    seed: int | None
    tried: int
    seconds: float
    violation: Violation | None = None
    false: Violation | None = None
    other: tuple[str, ...] = ()  # Rules that were broken and are not those expected.
    faults: int | None = None  # So many are left after shrinking; None is that it was not asked.
    shrink_s: float = 0.0  # Shrinking took so many seconds of a processor.

    @property
    def is_found(self) -> bool:
        """Whether the proof holds for it."""
        is_small = self.faults is None or self.faults <= FAULTS_MAX
        return self.seed is not None and self.false is None and is_small


def read_list(path: Path) -> tuple[MutantConfig, ...]:
    """Read the list of mutants.

    Raises:
        ConfigError: with one line for every mistake.
    """
    found = parse(MutantList, read_toml(path), str(path)).mutant
    names = [each.name for each in found]
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise ConfigError(
            str(path), [Problem("mutant", f"{double[0]!r} is given twice; each name once")]
        )
    return found


def hunt(
    mutant: MutantConfig, wrong: Prepared, right: Prepared, *, shrinks: bool = False
) -> Hunted:
    """Run seed after seed until one of the mutant's rules is broken; then make the run small."""
    began_s = time.process_time()
    other: set[str] = set()
    for seed in range(1, mutant.seeds + 1):
        ran = run(wrong, Recipe(seed=seed))
        found = ran.violations
        hits = [violation for violation in found if violation.name in mutant.rules]
        other |= {violation.name for violation in found} - set(mutant.rules)
        if hits:
            clean = run(right, Recipe(seed=seed)).violations
            false = next((each for each in clean if each.name in mutant.rules), None)
            spent_s = time.process_time() - began_s
            left = _faults_left(wrong, ran, hits[0]) if shrinks else None
            shrink_s = time.process_time() - began_s - spent_s
            broken = tuple(sorted(other))
            return Hunted(mutant.name, seed, seed, spent_s, hits[0], false, broken, left, shrink_s)
    spent_s = time.process_time() - began_s
    return Hunted(mutant.name, None, mutant.seeds, spent_s, other=tuple(sorted(other)))


def _faults_left(wrong: Prepared, ran: Ran, violation: Violation) -> int:
    return count_faults(Shrinker(wrong, ran, violation=violation).shrink())


def describe(hunted: Hunted, mutant: MutantConfig) -> str:
    """Say it in one line."""
    if hunted.seed is None:
        also = f"; broken were {', '.join(hunted.other)}" if hunted.other else ""
        return (
            f"SURVIVED {mutant.name}: {hunted.tried} seeds of {mutant.scenario}, none of which "
            f"broke {' or '.join(mutant.rules)}{also}"
        )
    if hunted.false is not None:
        return (
            f"FALSE    {mutant.name}: seed {hunted.seed} of {mutant.scenario} breaks "
            f"{hunted.false.name} without it, too: {hunted.false.message}"
        )
    word = "found   " if hunted.is_found else "TOO BIG "
    shrunk = ""
    if hunted.faults is not None:
        shrunk = f", shrunk to {hunted.faults} faults in {hunted.shrink_s:.1f} s"
    return (
        f"{word} {mutant.name}: seed {hunted.seed} of at most {mutant.seeds}, "
        f"{hunted.seconds:.1f} s{shrunk}: {hunted.violation}"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Hunt; 0 if every mutant was found."""
    parser = CommandLine("./pants run testprojects/fault_worlds:mutants --", __doc__ or "")
    add = parser.add_argument
    add("--mutants", required=True, type=Path, metavar="FILE", help="the list of mutants")
    add("--mutant", action="append", metavar="NAME=PATH", help=f"{_FORM} (repeatable)")
    add("--only", action="append", metavar="NAME", help="hunt this one (repeatable)")
    text = f"and shrink each; more than {FAULTS_MAX} faults are a failure"
    add("--shrink", action="store_true", help=text)
    add("--jobs", metavar="N", help="processes; default: one a processor")
    add("--out", type=Path, default=OUT_DEFAULT, metavar="DIR", help=f"default {OUT_DEFAULT}")
    add_options(parser)
    try:
        return _hunt_all(parser.parse_args(sys.argv[1:] if argv is None else argv))
    except NexusError as exc:
        return fail(exc, EXIT_CONFIG)


# The values that forked processes take over.  Written before the fork alone.
_work: dict[str, tuple[MutantConfig, Prepared, Prepared]] = {}
_shrinks: list[bool] = []


def _hunt_all(options: Namespace) -> int:
    _work.update(_prepare(options))
    _shrinks[:] = [options.shrink]
    jobs = bounded("--jobs", options.jobs, 1, pool.JOBS_MAX) or pool.jobs_default()
    results: dict[str, Hunted] = {}
    for hunted in _results(list(_work), jobs):
        results[hunted.name] = hunted
        print(printable(describe(hunted, _work[hunted.name][0])))
        sys.stdout.flush()
    survivors = [name for name in _work if not results[name].is_found]
    text = json.dumps([_plain(results[name]) for name in _work], indent=1) + "\n"
    report = junit.document("mutants", [_case(results[name]) for name in _work]) + "\n"
    files = {"mutants.json": text.encode(), "junit.xml": report.encode()}
    artifacts.write_all(options.out, files)
    print(f"mutants: {len(_work) - len(survivors)} of {len(_work)} found")
    return EXIT_SURVIVED if survivors else 0


def _results(names: Sequence[str], jobs: int) -> Iterator[Hunted]:
    if jobs == 1 or len(names) == 1:
        yield from map(_hunt_here, names)
        return
    with ProcessPoolExecutor(min(jobs, len(names)), mp_context=get_context("fork")) as executor:
        yield from executor.map(_hunt_here, names)


def _hunt_here(name: str) -> Hunted:
    return hunt(*_work[name], shrinks=any(_shrinks))


def _prepare(options: Namespace) -> dict[str, tuple[MutantConfig, Prepared, Prepared]]:
    listed = {each.name: each for each in read_list(options.mutants)}
    given = named_paths("--mutant", options.mutant or [], _FORM)
    if not given:
        raise UsageError(f"--mutant: is missing; expected {_FORM}")
    chosen = [one_of("--only", name, list(given)) for name in options.only or given]
    images, code = images_of(options), code_of(options)
    folder = options.mutants.parent
    if SYSTEM not in images:
        raise UsageError(f"--image: {SYSTEM!r} is not given; give the image without a mutant")

    def _as(system: Path) -> dict[str, Path]:
        return {**images, SYSTEM: system, WORKLOAD: system}

    right: dict[str, Prepared] = {}
    work = {}
    for name in chosen:
        mutant = listed[one_of("--mutant", name, list(listed))]
        if mutant.scenario not in right:
            right[mutant.scenario] = prepare(folder / mutant.scenario, _as(images[SYSTEM]), code)
        wrong = prepare(folder / mutant.scenario, _as(given[name]), code)
        work[name] = (mutant, wrong, right[mutant.scenario])
    return work


def _case(hunted: Hunted) -> junit.Case:
    mutant = _work[hunted.name][0]
    failure = None if hunted.is_found else describe(hunted, mutant)
    return junit.Case(classname=mutant.scenario, name=hunted.name, failure=failure)


def _plain(hunted: Hunted) -> Mapping[str, object]:
    return {
        "name": hunted.name,
        "found": hunted.is_found,
        "seed": hunted.seed,
        "tried": hunted.tried,
        "faults": hunted.faults,
        "violation": None if hunted.violation is None else str(hunted.violation),
        "other": list(hunted.other),
    }


if __name__ == "__main__":
    run_program(main, Text.REPORT)
