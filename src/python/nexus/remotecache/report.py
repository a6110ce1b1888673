"""`./pants run ci:cache_report -- LOG`: what the shared cache did for a run, and whether it served.

    PANTS_CONFIG_FILES=pants.ci.toml ./pants test :: 2>&1 | tee pants.log
    ./pants run ci:cache_report -- pants.log

Pants goes on without a cache that is down or refuses it, so a dead cache is noticed here or not at
all.  Exit codes: 0 it served; 1 it did not, as the lines say; 2 nothing can be said.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nexus.entry.program import run_program
from nexus.remotecache import stats

SERVED: Final = 0
NOT_SERVED: Final = 1
UNKNOWN: Final = 2


def main(argv: Sequence[str]) -> int:
    """Report on one log."""
    parser = argparse.ArgumentParser(prog="cache_report", description=__doc__.split("\n")[0])
    parser.add_argument("log", type=Path, help="what a run of Pants printed")
    parser.add_argument("--all-found", action="store_true", help="every process must be found")
    parser.add_argument("--found-min", type=int, default=0, help="as many must be found")
    arguments = parser.parse_args(argv)
    exit_code, text = judge(
        arguments.log, all_found=arguments.all_found, found_min=arguments.found_min
    )
    (sys.stderr if exit_code == UNKNOWN else sys.stdout).write(text)
    return exit_code


def judge(log: Path, *, all_found: bool = False, found_min: int = 0) -> tuple[int, str]:
    """The exit code, and what to say."""
    try:
        found = stats.parse(log.read_text(encoding="utf-8", errors="replace"))
    except (OSError, stats.NoCountersError) as exc:
        return UNKNOWN, f"cache_report: {log}: {exc}\n"
    wrong = stats.complaints(found, all_found=all_found, found_min=found_min)
    text = stats.render(found) + "".join(f"not served: {line}\n" for line in wrong)
    return (NOT_SERVED if wrong else SERVED), text


if __name__ == "__main__":
    run_program(main)
