"""`./pants run ci:bench -- NAME ...`: run the benchmark of that name, with the rest as its own."""

from __future__ import annotations

import importlib
import sys
from typing import Final

from nexus.core.commandline import fail
from nexus.core.errors import did_you_mean
from nexus.core.text import quote
from nexus.entry.program import run_program

NAMES: Final = ("dsoftbus", "emulator", "pipeline", "remote_put", "simulation", "statefs")


def main(argv: list[str]) -> int:
    """Run one benchmark with the rest of the command line; its `main` takes a list of strings."""
    if argv[:1] in (["--help"], ["-h"]):
        print("usage: ci:bench NAME [ARGUMENT...]\n\nMeasure; NAME --help says more. There are:")
        sys.stdout.writelines(f"    {name}\n" for name in NAMES)
        return 0
    if not argv or argv[0] not in NAMES:
        given = f"{quote(argv[0])} is not a benchmark" if argv else "no benchmark is named"
        hint = did_you_mean(argv[0], NAMES) if argv else ""
        return fail(f"{given}; expected {', '.join(NAMES)}{hint}")
    result: int = importlib.import_module(f"nexus.bench.{argv[0]}").main(argv[1:])
    return result


if __name__ == "__main__":
    run_program(main)
