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
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from nexus.entry.program import Text, run_program
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
EXIT_CONFIG: Final = 20
EXIT_HOST: Final = 21
DEFAULT_PATHS: Final = ("src/python/nexus", "src/guest")


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
                print("NOT TRIED: no line of the change can be changed")
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
    parser = argparse.ArgumentParser(prog="ci:mutate", description=(__doc__ or "").split("\n")[0])
    add = parser.add_argument
    add("paths", nargs="*", metavar="PATH", help="files or folders; default: all of Python and zig")
    add("--sample", type=_from_1, metavar="N", help="how many lines are changed; default: all")
    add("--every", action="store_true", help="every fault of each line, not one")
    add("--seed", type=int, default=1, metavar="S", help="of the draw; default 1")
    add("--since", metavar="COMMIT", help="only lines that differ from this commit's")
    add("--last-commit", action="store_true", help="only lines that the last commit changed")
    add("--least", type=float, default=0.0, metavar="PERCENT", help="exit 18 below this")
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
    add("--seconds", type=float, default=20.0, metavar="N", help="of tests for one mutant, at most")
    add("--out", type=Path, default=Path("dist/mutate"), metavar="DIR", help="for the reports")
    add("--python", type=Path, metavar="FILE", help="interpreter with what tests import")
    add("--zig", metavar="COMMAND", help="the compiler")
    add("--root", type=Path, default=Path(), metavar="DIR", help="the repository")
    return parser.parse_args(argv)


def _from_1(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be 1 or more")
    return value


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
    """Where faults are planted, how they are judged, and what is known before the first."""

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


def _judge_all(drawn: Sequence[Change], run: _Run, stack: ExitStack) -> list[Verdict]:
    mutants = [
        Mutant(change, (run.tree.root / change.path).read_text(encoding="utf-8"), change.make())
        for change in drawn
    ]
    verdicts = {
        number: verdict
        for number, mutant in enumerate(mutants)
        if (verdict := _known(mutant, run)) is not None
    }
    judges = _judges(drawn, run, stack)
    asked = run.options.worlds
    worlds = Worlds(run.tree, is_first_only=asked == "first") if asked else None
    for number, mutant in enumerate(mutants):
        verdict = verdicts.get(number)
        if verdict is None or (verdict.fate is Fate.SURVIVED and run.options.again):
            verdict = judges[Path(mutant.change.path).suffix](mutant)
        if verdict.fate is Fate.SURVIVED and worlds is not None:
            by = worlds.noticing(mutant, ())
            if by is not None:
                verdict = replace(verdict, fate=Fate.KILLED, by=by, is_world=True)
        if verdict is not verdicts.get(number):
            verdicts[number] = verdict
            # After each, so that a run that is stopped loses nothing.
            _write(run.options.out, [verdicts[at] for at in sorted(verdicts)], run.options.seed)
        print(
            f"{number + 1}/{len(drawn)} {verdict.fate.value} {mutant.change.name}"
            f" [{verdict.by}] {verdict.seconds:.1f} s",
            flush=True,
        )
    return [verdicts[at] for at in sorted(verdicts)]


def _known(mutant: Mutant, run: _Run) -> Verdict | None:
    reason = equivalent.reason_of(mutant, run.known)
    if reason is not None:
        return Verdict(mutant, Fate.EQUIVALENT, reason=reason)
    return verdict_before(mutant, run.found)


def _judges(
    drawn: Sequence[Change], run: _Run, stack: ExitStack
) -> dict[str, Callable[[Mutant], Verdict]]:
    options, tree = run.options, run.tree
    is_given = options.python is not None and options.zig is not None
    tools = {} if is_given else export_tools(run.repository)
    python = (options.python or tools["nexus"]).absolute()
    generate(tree, python)
    zig = tuple(options.zig.split()) if options.zig else (str(tools["zig"]), "-m", "ziglang")
    judges: dict[str, Callable[[Mutant], Verdict]] = {}
    if any(change.path.endswith(".py") for change in drawn):
        judge = stack.enter_context(PythonJudge(tree, python, options.seconds))
        judges[".py"] = judge.judge
    judges[".zig"] = ZigJudge(tree, zig, run.scratch, options.seconds).judge
    return judges


def _write(out: Path, verdicts: Sequence[Verdict], seed: int) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "mutants.json").write_text(report.json_of(verdicts, seed), encoding="utf-8")
    (out / "junit.xml").write_bytes(report.junit_of(verdicts))
    (out / "report.txt").write_text(report.text_of(verdicts, seed), encoding="utf-8")


if __name__ == "__main__":
    run_program(main, Text.REPORT)
