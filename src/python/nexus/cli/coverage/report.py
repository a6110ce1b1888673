"""`nexus coverage report`: which lines were executed, as text, HTML and an lcov trace file."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nexus.cli.coverage.runs import add_runs, executed_in
from nexus.cli.world.program import run
from nexus.core.commandline import CommandLine, bounded
from nexus.coverage import lcov, page, text
from nexus.coverage.figures import combine, is_own
from nexus.coverage.reading import read_lines_file, read_sources
from nexus.entry.program import run_program
from nexus.harness import artifacts

EXIT_BELOW: Final = 1


def main(arguments: Sequence[str]) -> int:
    """Report; 1 if fewer lines were executed than asked for."""
    parser = CommandLine(
        "nexus coverage report", "Show which lines of the guest some runs have executed."
    )
    add_runs(parser)
    add = parser.add_argument
    add(
        "--lines",
        action="append",
        required=True,
        type=Path,
        metavar="FILE",
        help="lines.json of the image, or an ELF with debug information; repeatable",
    )
    add("--all", action="store_true", help="show files of the compiler's library, too")
    add("--sources", type=Path, metavar="DIR", help="where paths begin; shows the sources in HTML")
    add("--out", type=Path, metavar="DIR", help="write coverage.info and index.html here")
    add("--minimum", metavar="N", help="end with 1 if fewer lines than this were executed")
    return run(parser, arguments, _report)


def _report(options: Namespace) -> int:
    minimum = bounded("--minimum", options.minimum, 0, 1 << 31)
    executed = executed_in(options)
    lines = [part for path in options.lines for part in read_lines_file(path)]
    accepts = (lambda path: True) if options.all else is_own
    coverage = combine(executed, lines, accepts)
    sys.stdout.write(text.render(coverage, executed))
    if options.out is not None:
        sources = {} if options.sources is None else read_sources(options.sources, coverage.files)
        files = page.render(coverage, executed, sources)
        files["coverage.info"] = lcov.render(coverage)
        artifacts.write_all(
            options.out, {name: content.encode() for name, content in files.items()}
        )
        sys.stdout.write(f"{options.out / 'index.html'}\n")
    if minimum is not None and coverage.hit < minimum:
        sys.stderr.write(f"coverage: {coverage.hit} lines were executed, {minimum} are expected\n")
        return EXIT_BELOW
    return 0


if __name__ == "__main__":
    run_program(main)
