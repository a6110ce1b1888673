"""`python -m nexus.campaign.simulate`: a campaign of fault worlds, over all processors.

It prints a line for each failing seed, with the command that replays it, and leaves results.json,
junit.xml, report.html and a replay file of each failure behind.
"""

from __future__ import annotations

import signal
import sys
import time
from argparse import Namespace
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nexus.campaign import junit, page, pool, replay, result, spreading
from nexus.campaign.again import add_futures, do_pinpoint, do_replay, do_shrink
from nexus.campaign.inputs import add_options, commit_here, prepare_all
from nexus.campaign.recipe import Recipe
from nexus.campaign.result import SeedResult
from nexus.campaign.run import run
from nexus.campaign.seeds import SEEDS_DEFAULT, Work, work_of
from nexus.core.commandline import CommandLine, bounded, fail, one_of
from nexus.core.errors import NexusError, UsageError
from nexus.core.exits import EXIT_CONFIG, EXIT_HOST, EXIT_INTERRUPTED
from nexus.core.text import printable
from nexus.entry.ending import catch_ending
from nexus.entry.program import Text, run_program
from nexus.harness import artifacts
from nexus.harness.engine import HostFaultError

if TYPE_CHECKING:
    from nexus.campaign.covered import Sum

OUT_DEFAULT: Final = Path("dist/simulate")
# The campaign of this repository.
TARGET_DEFAULT: Final = "ci:simulate"
EXIT_FAILED: Final = 1

# Replay files of one campaign; a rule that every seed breaks is one failure.
REPLAYS_MAX: Final = 50
_PROGRESS_S: Final = 5.0

# The uses of a replay file, with the images that a campaign has.
_AGAIN: Final = {"replay": do_replay, "shrink": do_shrink, "pinpoint": do_pinpoint}

_DESCRIPTION: Final = "Hunt for seeds at which a world with faults breaks a rule."


def main(argv: Sequence[str] | None = None) -> int:
    """Run a campaign; 0 if every seed is clean (or one finds what is wanted), 1 if not."""
    parser = _parser()
    try:
        options = parser.parse_args(sys.argv[1:] if argv is None else argv)
        spreading.hold_options(options)
        for option, do in _AGAIN.items():
            path = getattr(options, option)
            if path is not None:
                if options.coverage:
                    raise UsageError(f"--coverage: goes with seeds, not with --{option}")
                return do(Namespace(**{**vars(options), "file": path}))
        if options.plan is not None:
            batches = _batches(options, work_of(options, commit_here()))
            return spreading.write_plan(options.plan, batches, options.engine)
        # A pipeline that ends a campaign gets what was found so far, as a person does.
        catch_ending(signal.default_int_handler)
        return _Campaign(options).play()
    except HostFaultError as exc:
        return fail(exc, EXIT_HOST)
    except NexusError as exc:
        return fail(exc, EXIT_CONFIG)


def _parser() -> CommandLine:
    parser = CommandLine("./pants run ci:simulate --", _DESCRIPTION)
    add = parser.add_argument
    add("files", nargs="+", type=Path, metavar="SCENARIO.toml", help="scenarios")
    add(
        "--scenario",
        action="append",
        metavar="NAME",
        help="run only this one of the scenarios (repeatable)",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--seeds", metavar="N", help=f"seeds of each scenario; default {SEEDS_DEFAULT}"
    )
    how.add_argument("--minutes", metavar="M", help="as many seeds as fit into this wall time")
    how.add_argument("--seed", action="append", metavar="S", help="this seed (repeatable)")
    for option in _AGAIN:
        text = f"instead: nexus world {option} FILE"
        how.add_argument(f"--{option}", type=Path, metavar="FILE", help=text)
    add_futures(parser)
    add("--from", dest="base", default="0", metavar="S|commit", help="the first seed; default 0")
    text = "pass if a seed breaks the rule NAME, and only then"
    add("--finds", metavar="NAME", help=text)
    text = f"the target that plays this, as lines of replays name it; default {TARGET_DEFAULT}"
    add("--target", default=TARGET_DEFAULT, metavar="ADDRESS", help=text)
    add("--jobs", metavar="N", help="processes; default: one a processor")
    spreading.add_spreading(parser)
    add("--out", type=Path, default=OUT_DEFAULT, metavar="DIR", help=f"default {OUT_DEFAULT}")
    add_options(parser)
    text = "add up what all runs execute of the guest: coverage.json, and with --lines more"
    add("--coverage", action="store_true", help=text)
    text = "lines.json of an image, or an ELF with debug information (repeatable)"
    add("--lines", type=Path, action="append", metavar="FILE", help=text)
    return parser


class _Campaign:
    def __init__(self, options: Namespace) -> None:
        self._options = options
        self._commit = commit_here()
        self._work = work_of(options, self._commit)
        jobs = bounded("--jobs", options.jobs, 1, pool.JOBS_MAX)
        self._jobs = pool.jobs_default() if jobs is None else jobs
        self._batches = _batches(options, self._work)
        if self._batches and options.gather is None:
            raise UsageError("--spread: Pants plays the batches; start it by `./pants run`")
        prepared = prepare_all(_chosen(options), options)
        self._sum = _sum_of(options)
        self._prepared = {
            name: replace(it, covers=self._sum is not None) for name, it in prepared.items()
        }
        self._results: list[SeedResult] = []
        self._failures: list[tuple[SeedResult, str]] = []
        self._files: dict[str, bytes] = {}
        self._began_s = self._shown_s = time.monotonic()

    def play(self) -> int:
        """Run, and leave the files behind whatever happens on the way."""
        ended = "interrupted"
        try:
            with closing(self._runs()) as runs:  # However it ends, no process is left.
                for done in runs:
                    self._take(done)
            ended = "clean" if not self._failures else f"{len(self._failures)} failed"
        except KeyboardInterrupt:
            return EXIT_INTERRUPTED
        except HostFaultError:
            ended = "incomplete"
            raise
        finally:
            self._finish(ended)
        wanted: str | None = self._options.finds
        if wanted is None:
            return EXIT_FAILED if self._failures else 0
        complaint = junit.missed(self._results, wanted)
        if complaint is None:
            return 0
        print(f"simulate: --finds {wanted}: {complaint}")
        return EXIT_FAILED

    def _runs(self) -> Generator[SeedResult, None, None]:
        if self._batches:
            return spreading.gathered(self._options.gather, self._batches)
        work = self._work.items(list(self._prepared))
        return pool.run_all(self._prepared, work, self._jobs, self._work.is_over)

    def _spent_s(self, now_s: float) -> tuple[float, str]:
        """Return the seconds that the campaign took, and the words for whose seconds they are."""
        if self._batches:
            return sum(each.wall_ms for each in self._results) / 1000, " of processors"
        return now_s - self._began_s, ""

    def _take(self, done: SeedResult) -> None:
        if self._sum is not None and done.executed is not None:
            self._sum.add(done.executed)
        done = replace(done, executed=None)
        self._results.append(done)
        if not done.is_clean:
            target = self._options.target
            command = f"./pants run {target} -- --scenario {done.scenario} --seed {done.seed}"
            self._failures.append((done, command))
            first = done.violations[0]
            where = f" machine {first.machine}" if first.machine else ""
            text = f"{first.name}{where} at {first.ns / 1e6:.3f} ms: {first.message}"
            print(printable(f"FAILED {done.scenario} seed {done.seed}: {text}; replay: {command}"))
            sys.stdout.flush()
            if len(self._failures) <= REPLAYS_MAX:
                self._keep_replay(done)
        now_s = time.monotonic()
        if now_s - self._shown_s >= _PROGRESS_S:
            self._shown_s = now_s
            self._progress(now_s)

    def _keep_replay(self, done: SeedResult) -> None:
        prepared = self._prepared[done.scenario]
        ran = run(prepared, Recipe(seed=done.seed))
        if ran.digest != done.digest:
            raise HostFaultError(
                f"{done.scenario} seed {done.seed}: this machine gives another run than the one "
                f"before (digest {ran.digest}, before {done.digest}): a processor, a worker or an "
                "engine errs"
            )
        text = replay.write(prepared, ran, self._commit)
        self._files[f"{done.scenario}-{done.seed}.replay.json"] = text.encode()

    def _progress(self, now_s: float) -> None:
        spent_s, of_what = self._spent_s(now_s)
        rate = len(self._results) * 60 / max(spent_s, 1e-9)
        sys.stderr.write(
            f"simulate: {len(self._results)} runs, {len(self._failures)} failed, "
            f"{rate:.0f} a minute, {spent_s:.0f} s{of_what}\n"
        )

    def _finish(self, ended: str) -> None:
        now_s = time.monotonic()
        self._progress(now_s)
        totals = [
            result.total_of(
                name,
                prepared.scenario.config.text,
                [r for r in self._results if r.scenario == name],
            )
            for name, prepared in self._prepared.items()
        ]
        for total in totals:
            print(f"simulate: {total}")
            for kind in total.requested:
                if not total.happened.get(kind):
                    sys.stderr.write(f"simulate: {total.name}: no {kind} has happened\n")
        engine = next(iter(self._prepared.values())).code.engine
        spent_s, jobs = self._spent_s(now_s)[0], len(self._batches) or self._jobs
        wall = {"seconds": round(spent_s, 3), "jobs": jobs, "engine": engine}
        about = {"commit": self._commit}
        failures = sorted(self._failures, key=lambda pair: (pair[0].scenario, pair[0].seed))
        self._files["results.json"] = result.render(self._results, about, wall).encode()
        covered = self._cover()
        html = page.render(totals, failures, {**about, **wall}, covered)
        self._files["report.html"] = html.encode()
        self._files["junit.xml"] = junit.build(self._results, self._options.finds).encode()
        artifacts.write_all(self._options.out, self._files)
        print(f"simulate: {len(self._results)} runs, {ended}; {self._options.out}/report.html")

    def _cover(self) -> page.Covered | None:
        """Make the files of coverage, and say what it came to."""
        if self._sum is None:
            return None
        coverage = self._sum.coverage()
        from nexus.coverage.reading import read_sources

        files = self._sum.files(coverage, partial(read_sources, Path()))
        self._files |= {name: text.encode() for name, text in files.items()}
        text = self._sum.text(coverage)
        print(f"simulate: {text}")
        return page.Covered(text, coverage.parts, tuple(files))


def _sum_of(options: Namespace) -> Sum | None:
    """Return the sum of coverage, if it is wanted; lines are read before the first seed."""
    if not options.coverage:
        if options.lines:
            raise UsageError("--lines: goes with --coverage")
        return None
    from nexus.campaign.covered import Sum
    from nexus.coverage.reading import read_lines_file

    return Sum([part for path in options.lines or () for part in read_lines_file(path)])


def _chosen(options: Namespace) -> list[Path]:
    files: Mapping[str, Path] = {path.stem: path for path in options.files}
    if not options.scenario:
        return list(options.files)
    return [files[one_of("--scenario", name, list(files))] for name in options.scenario]


def _batches(options: Namespace, work: Work) -> list[spreading.Batch]:
    """The batches that others play; none if all is played here."""
    if options.spread is None or work.seeds is None:
        return []
    return spreading.batches_of(_chosen(options), work.seeds, options.spread)


if __name__ == "__main__":
    run_program(main, Text.REPORT)
