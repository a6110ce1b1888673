"""`./pants run ci:mutate -- PATHS`: plant faults in a copy of the tree and see which tests notice.

Exit codes: 0 the figure is reached, or nothing was to be tried; 18 it is not; 20 wrong arguments;
21 a tool or the tests failed without a fault.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Final

from nexus.entry.arguments import ArgumentParser
from nexus.entry.options import number, whole
from nexus.entry.program import EXIT_CONFIG, EXIT_HOST, Text, run_program
from nexus.mutation import equivalent, report
from nexus.mutation.change import Change, Mutant, draw, only_on
from nexus.mutation.python_judge import PythonJudge
from nexus.mutation.resume import Found, ResumeError, found_before, verdict_before
from nexus.mutation.sources import (
    SourcesError,
    changes_of,
    files_of,
    lines_since,
    parent_of_head,
)
from nexus.mutation.tree import Tree, copy_tree, generate
from nexus.mutation.verdict import Fate, Verdict
from nexus.mutation.worlds import Worlds, export_tools
from nexus.mutation.zig_judge import ZigJudge

EXIT_BELOW: Final = 18
_SAMPLE_MAX: Final = 1 << 31
_SEED_MAX: Final = (1 << 64) - 1
_SECONDS_MAX: Final = 3600

DEFAULT_PATHS: Final = ("src/python/nexus", "src/guest")

Judge = Callable[[Mutant], Verdict]


def main(argv: Sequence[str]) -> int:
    """Draw mutants, judge them, write the reports."""
    options = _parse(argv)
    repository = options.root.resolve()
    try:
        with ExitStack() as stack:
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mutate-")))
            tree = copy_tree(repository, scratch / "tree")
            drawn = _drawn(repository, tree, options)
            if not drawn:
                print("NOT TRIED: the change has no line that can be mutated")
                return 0
            known = equivalent.parse((tree.root / equivalent.FILE).read_text(encoding="utf-8"))
            run = _Run(repository, tree, scratch, options, known, _found(options))
            verdicts = _judge_all(drawn, run, stack)
            _write(options.out, verdicts, options.seed)
    except (SourcesError, equivalent.EquivalentError) as exc:
        print(f"mutate: {exc}", file=sys.stderr)
        return EXIT_CONFIG
    except (RuntimeError, subprocess.SubprocessError) as exc:
        print(f"mutate: {exc}", file=sys.stderr)
        return EXIT_HOST
    print(report.text_of(verdicts, options.seed), end="")
    figures = report.figures_of(verdicts)
    return 0 if figures.percent >= options.least else EXIT_BELOW


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = ArgumentParser("ci:mutate", (__doc__ or "").split("\n")[0])
    add = parser.add_argument
    add("paths", nargs="*", metavar="PATH", help="files or folders; default: all of Python and zig")
    add(
        "--sample",
        type=whole(1, _SAMPLE_MAX),
        metavar="N",
        help="how many lines are changed; default: all",
    )
    add("--every", action="store_true", help="every fault of each line, not one")
    add("--seed", type=whole(0, _SEED_MAX), default=1, metavar="S", help="of the draw; default 1")
    add("--since", metavar="COMMIT", help="only lines that differ from this commit's")
    add("--last-commit", action="store_true", help="only lines that the last commit changed")
    add(
        "--least",
        type=number(0, 100, "percent"),
        default=0.0,
        metavar="PERCENT",
        help="exit 18 below this",
    )
    add(
        "--worlds",
        nargs="?",
        const="all",
        choices=("first", "all"),
        help="try survivors on worlds, too: on that of two nodes, or on all that have the file in"
        " them; minutes for each",
    )
    add("--resume", action="store_true", help="keep what --out says of the same faults")
    add("--again", action="store_true", help="with --resume: try its survivors again")
    add(
        "--seconds",
        type=number(1, _SECONDS_MAX, "seconds"),
        default=20.0,
        metavar="N",
        help="seconds of tests for one mutant, at most",
    )
    add(
        "--out",
        type=Path,
        default=Path("dist/mutate"),
        metavar="DIR",
        help="the folder for the reports",
    )
    add(
        "--measured",
        type=Path,
        default=Path("dist/mutate-measured"),
        metavar="DIR",
        help="where to keep what tests of Python call, for the next run",
    )
    add(
        "--python",
        type=Path,
        metavar="FILE",
        help="a Python interpreter that has the packages of the tests",
    )
    add("--zig", metavar="COMMAND", help="the zig compiler")
    add("--root", type=Path, default=Path(), metavar="DIR", help="the repository")
    return parser.parse_args(argv)


def _drawn(repository: Path, tree: Tree, options: argparse.Namespace) -> list[Change]:
    paths = tuple(options.paths) or DEFAULT_PATHS
    files = files_of(tree, paths)
    since = options.since
    if options.last_commit:
        since = parent_of_head(repository)
        if since is None:
            return []
    if since is None:
        return _draw(changes_of(tree, files), options)
    lines = lines_since(repository, since, paths)
    changed = [name for name in files if name in lines]
    return _draw(only_on(changes_of(tree, changed), lines), options)


def _draw(changes: Iterable[Change], options: argparse.Namespace) -> list[Change]:
    return draw(changes, options.seed, options.sample, is_every=options.every)


@dataclass(frozen=True)
class _Run:
    """The place where faults are planted, their judge, and the verdicts known before the first."""

    repository: Path
    tree: Tree
    scratch: Path
    options: argparse.Namespace
    known: list[equivalent.Equivalent]
    found: Found


def _found(options: argparse.Namespace) -> Found:
    file = options.out / "mutants.json"
    if not options.resume or not file.is_file():
        return {}
    try:
        return found_before(file.read_text(encoding="utf-8"), options.seed)
    except ResumeError as exc:
        raise SourcesError(f"--resume: {file} {exc}") from exc


class _Report:
    """The verdicts so far, and the files that say them; two threads add to it."""

    def __init__(self, run: _Run, mutants: Sequence[Mutant]) -> None:
        """Begin with what is known without a test."""
        self._options = run.options
        self._count = len(mutants)
        self._lock = Lock()
        self._verdicts = {
            number: verdict
            for number, mutant in enumerate(mutants)
            if (verdict := _known(mutant, run)) is not None
        }
        # Set by an error in one thread, or by an interrupt: no further mutant is tried.
        self.is_over = False

    def find(self, number: int) -> Verdict | None:
        """Give the verdict on this mutant, if there is one that is not asked for again."""
        verdict = self._verdicts.get(number)
        is_again = self._options.again and verdict and verdict.fate is Fate.SURVIVED
        return None if is_again else verdict

    def add(self, number: int, verdict: Verdict) -> None:
        """Print a verdict, and write a new one: a run that is stopped loses nothing."""
        with self._lock:
            if verdict is not self._verdicts.get(number):
                self._verdicts[number] = verdict
                _write(self._options.out, self.verdicts, self._options.seed)
            print(
                f"{number + 1}/{self._count} {verdict.fate.value} {verdict.mutant.change.name}"
                f" [{verdict.by}] {verdict.seconds:.1f} s",
                flush=True,
            )

    @property
    def verdicts(self) -> list[Verdict]:
        """List the verdicts in the order of the draw."""
        return [self._verdicts[at] for at in sorted(self._verdicts)]


def _judge_all(drawn: Sequence[Change], run: _Run, stack: ExitStack) -> list[Verdict]:
    """Judge Python and zig side by side, each in a copy of the tree."""
    mutants = [
        Mutant(change, (run.tree.root / change.path).read_text(encoding="utf-8"), change.make())
        for change in drawn
    ]
    found = _Report(run, mutants)
    judges = _judges(drawn, run, stack)
    with ThreadPoolExecutor(len(judges)) as pool:
        waiting = [pool.submit(_judge_some, *each, mutants, run, found) for each in judges]
        try:
            for each in waiting:
                each.result()
        except BaseException:
            # A user ends the run: what is under way is the last.
            found.is_over = True
            raise
    return found.verdicts


def _judge_some(
    suffix: str, tree: Tree, judge: Judge, mutants: Sequence[Mutant], run: _Run, found: _Report
) -> None:
    asked = run.options.worlds
    worlds = Worlds(tree, is_first_only=asked == "first") if asked else None
    try:
        for number, mutant in enumerate(mutants):
            if found.is_over or not mutant.change.path.endswith(suffix):
                continue
            verdict = found.find(number) or judge(mutant)
            if verdict.fate is Fate.SURVIVED and worlds is not None:
                by = worlds.noticing(mutant, ())
                if by is not None:
                    verdict = replace(verdict, fate=Fate.KILLED, by=by, is_world=True)
            found.add(number, verdict)
    except BaseException:
        found.is_over = True
        raise


def _known(mutant: Mutant, run: _Run) -> Verdict | None:
    reason = equivalent.reason_of(mutant, run.known)
    if reason is not None:
        return Verdict(mutant, Fate.EQUIVALENT, reason=reason)
    return verdict_before(mutant, run.found)


def _judges(drawn: Sequence[Change], run: _Run, stack: ExitStack) -> list[tuple[str, Tree, Judge]]:
    """Make a judge for each language that was drawn, with a tree of its own."""
    options, tree = run.options, run.tree
    is_given = options.python is not None and options.zig is not None
    tools = {} if is_given else export_tools(run.repository)
    python = (options.python or tools["nexus"]).absolute()
    generate(tree, python)
    zig = tuple(options.zig.split()) if options.zig else (str(tools["zig"]), "-m", "ziglang")
    judges: list[tuple[str, Tree, Judge]] = []
    if any(change.path.endswith(".py") for change in drawn):
        own = tree.copy(run.scratch / "python")
        judge = stack.enter_context(PythonJudge(own, python, options.seconds, options.measured))
        judges.append((".py", own, judge.judge))
    if any(change.path.endswith(".zig") for change in drawn):
        zig_judge = ZigJudge(tree, zig, run.scratch, options.seconds)
        judges.append((".zig", tree, zig_judge.judge))
    return judges


def _write(out: Path, verdicts: Sequence[Verdict], seed: int) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "mutants.json").write_text(report.json_of(verdicts, seed), encoding="utf-8")
    (out / "junit.xml").write_bytes(report.junit_of(verdicts))
    (out / "report.txt").write_text(report.text_of(verdicts, seed), encoding="utf-8")


if __name__ == "__main__":
    run_program(main, Text.REPORT)
