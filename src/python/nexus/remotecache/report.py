"""`./pants run ci:cache_report -- LOG`: what the shared cache did for a run, and whether it served.

    PANTS_CONFIG_FILES=pants.ci.toml ./pants test :: 2>&1 | tee pants.log
    ./pants run ci:cache_report -- pants.log

Pants goes on without a cache that is down or refuses it, so a dead cache is noticed here or not at
all.  With the lines of its processes it says what the cache saved by kind, and which misses cost
most; with those of an older run, also what had changed.
Exit codes: 0 it served; 1 it did not, as the lines say; 2 nothing can be said; 20 wrong options.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from nexus.core.commandline import CommandLine, bounded, fail
from nexus.core.errors import UsageError
from nexus.core.exits import EXIT_CONFIG
from nexus.entry.program import run_program
from nexus.entry.reading import read_bounded
from nexus.remotecache import cost, stats
from nexus.remotecache.settings import BLOBS
from nexus.remotecache.trees import Digest, TreeError

SERVED: Final = 0
NOT_SERVED: Final = 1
UNKNOWN: Final = 2

# A run of some thousand processes leaves a few megabytes; a directory in a store is much smaller.
LOG_BYTES_MAX: Final = 1 << 30
TREE_BYTES_MAX: Final = 1 << 26
PROCESSES_MAX: Final = 1_000_000_000


def main(argv: Sequence[str]) -> int:
    """Report on one log."""
    try:
        arguments = parse(argv)
        text = "" if arguments.processes is None else costs(arguments)
    except (UsageError, TreeError) as exc:
        return fail(exc, EXIT_CONFIG)
    if arguments.log is None:
        sys.stdout.write(text)
        return SERVED
    exit_code, said = judge(
        arguments.log, all_found=arguments.all_found, found_min=arguments.found_min
    )
    (sys.stderr if exit_code == UNKNOWN else sys.stdout).write(said)
    sys.stdout.write(text)
    return exit_code


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line.

    Raises:
        UsageError: options do not go together.
    """
    parser = CommandLine("cache_report", __doc__.split("\n")[0])
    parser.add_argument("log", type=Path, nargs="?", help="what a run of Pants printed")
    parser.add_argument("--all-found", action="store_true", help="every process must be found")
    text = "as many processes must be found; default 0"
    parser.add_argument("--found-min", default="0", metavar="N", help=text)
    parser.add_argument(
        "--processes", type=Path, metavar="FILE", help="what --process-log-path wrote in that run"
    )
    parser.add_argument("--before", type=Path, metavar="FILE", help="the same of an older run")
    parser.add_argument(
        "--store",
        type=Path,
        metavar="FOLDER",
        help="where input trees can be read: the folder of a server that executed the runs",
    )
    found = parser.parse_args(argv)
    found.found_min = bounded("--found-min", found.found_min, 0, PROCESSES_MAX)
    if found.log is None and found.processes is None:
        raise UsageError("LOG: is missing; give what a run printed, or --processes")
    if found.before is not None and found.processes is None:
        raise UsageError("--before: goes with --processes, which is missing")
    return found


def costs(arguments: argparse.Namespace) -> str:
    """Render the savings of the cache, and the cost of the misses.

    Raises:
        UsageError: a file is not one of processes.
    """
    now = log_of("--processes", arguments.processes)
    before = None
    if arguments.before is not None:
        before = log_of("--before", arguments.before).processes
    lines = cost.table(now.processes)
    if now.moved is not None:
        lines += ["", str(now.moved)]
    with objects(arguments.store) as read:
        if ran := cost.misses(now.processes, before, read):
            lines += ["", "the most expensive that were not found:", *ran]
    return "\n".join(lines) + "\n"


def log_of(option: str, path: Path) -> cost.Log:
    """Read a file of processes."""
    try:
        return cost.parse(read(path), str(path))
    except OSError as exc:
        raise UsageError(f"{option}: {path}: {exc.strerror}") from exc
    except cost.CostError as exc:
        raise UsageError(f"{option}: {exc}") from exc


def read(path: Path) -> str:
    """Read a file, which may be a pipe, within a bound.

    Raises:
        OSError: it cannot be read, is too large, or does not end.
    """
    text = read_bounded(path, LOG_BYTES_MAX)
    if len(text) > LOG_BYTES_MAX:
        raise OSError(errno.EFBIG, f"has more than {LOG_BYTES_MAX} bytes", str(path))
    return text.decode("utf-8", "replace")


@contextlib.contextmanager
def objects(folder: Path | None) -> Iterator[cost.Read]:
    """Read blobs out of a server's store, each in a file named after its hash."""
    if folder is None:
        yield lambda _digest: None
        return
    place = folder / BLOBS
    if not place.is_dir():
        raise UsageError(f"--store: {folder} is not the folder of a server")

    def blob(digest: Digest) -> bytes | None:
        with contextlib.suppress(OSError):
            found = read_bounded(place / digest.hash[:2] / digest.hash[2:], TREE_BYTES_MAX)
            return found if len(found) <= TREE_BYTES_MAX else None
        return None

    yield blob


def judge(log: Path, *, all_found: bool = False, found_min: int = 0) -> tuple[int, str]:
    """The exit code, and what to say."""
    try:
        found = stats.parse(read(log))
    except OSError as exc:
        return UNKNOWN, f"cache_report: {log}: {exc.strerror}\n"
    except stats.NoCountersError as exc:
        return UNKNOWN, f"cache_report: {log}: {exc}\n"
    wrong = stats.complaints(found, all_found=all_found, found_min=found_min)
    text = stats.render(found) + "".join(f"not served: {line}\n" for line in wrong)
    return (NOT_SERVED if wrong else SERVED), text


if __name__ == "__main__":
    run_program(main)
