"""`./pants run ci:fuzz -- NAME`: search for inputs that a target does not survive.

The seconds are shared by the targets of a group.  The search begins from good inputs and from all
that ever failed; what fails now is kept among them, where `corpus_test` finds it.
"""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from nexus.core.commandline import EXIT_CONFIG, CommandLine
from nexus.core.errors import NexusError, UsageError, did_you_mean
from nexus.entry.options import whole
from nexus.entry.program import Text, run_program
from nexus.fuzz import corpus, engine

if TYPE_CHECKING:  # The targets are imported once atheris watches imports.
    from nexus.fuzz.target import Target
CORPUS: Final = Path("src/python/nexus/fuzz/corpus")
EXIT_FOUND: Final = 1
_SECONDS_MAX: Final = 24 * 3600
_SEED_MAX: Final = (1 << 32) - 1


def main(arguments: Sequence[str]) -> int:
    """Fuzz what is named; 0 is clean, 1 an input was found."""
    try:
        options = _parse(arguments)
        atheris = engine.load_atheris()
        catalogue = engine.load_catalogue(atheris)
        targets = catalogue.find(options.name)
        if not targets:
            known = [*catalogue.GROUPS, *catalogue.TARGETS]
            hint = did_you_mean(options.name, known)
            raise UsageError(f"{options.name!r}: expected {', '.join(known)}{hint}")
        return _fuzz_all(atheris, targets, options)
    except NexusError as exc:
        sys.stderr.write(f"fuzz: {exc}\n")
    except OSError as exc:
        sys.stderr.write(f"fuzz: {exc.filename}: {exc.strerror}\n")
    return EXIT_CONFIG


def _parse(arguments: Sequence[str]) -> Namespace:
    parser = CommandLine("ci:fuzz", "Search for inputs that a parser or a session breaks on.")
    parser.add_argument("name", metavar="NAME", help="a group (dsoftbus, storage, wire) or target")
    parser.add_argument(
        "--seconds",
        type=whole(1, _SECONDS_MAX),
        default=60,
        metavar="N",
        help="seconds for all targets; default 60",
    )
    parser.add_argument(
        "--corpus", type=Path, default=CORPUS, metavar="DIR", help=f"default {CORPUS}"
    )
    parser.add_argument(
        "--grown", type=Path, metavar="DIR", help="keep inputs that reached new code, for next time"
    )
    parser.add_argument(
        "--seed", type=whole(1, _SEED_MAX), default=1, metavar="N", help="default 1"
    )
    return parser.parse_args(arguments)


def _fuzz_all(atheris: engine.Atheris, targets: Sequence[Target], options: Namespace) -> int:
    code = 0
    end = time.monotonic() + options.seconds
    for index, target in enumerate(targets):
        share = (end - time.monotonic()) / (len(targets) - index)
        with TemporaryDirectory() as scratch:
            plan = _prepare(target, options, max(1, round(share)), Path(scratch))
            result = engine.fuzz(atheris, target.run, plan)
        if result.failed is None:
            print(f"{target.name}: clean, {result.runs} runs, {result.edges} edges", flush=True)
            continue
        path = corpus.keep(options.corpus, target.name, result.failed)
        print(f"{target.name}: FOUND {path}: {result.failed.hex()}\n{result.trace}", flush=True)
        code = EXIT_FOUND
    return code


def _prepare(target: Target, options: Namespace, seconds: int, scratch: Path) -> engine.Plan:
    """Lay out the inputs to begin from."""
    inputs = scratch / "inputs" if options.grown is None else options.grown / target.name
    inputs.mkdir(parents=True, exist_ok=True)
    kept = corpus.load_all(options.corpus, target.name)
    for number, data in enumerate((*target.seeds, *kept)):
        (inputs / f"seed-{number}").write_bytes(data)
    return engine.Plan(seconds, options.seed, inputs, scratch)


if __name__ == "__main__":
    run_program(main, Text.REPORT)
