"""`python -m nexus.bench NAME ...`: run the benchmark `nexus.bench.NAME`."""

from __future__ import annotations

import importlib
import importlib.util
import sys

from nexus.entry.program import run_program


def main(argv: list[str]) -> int:
    """Run one benchmark with the rest of the command line; its `main` takes a list of strings."""
    if not argv or not argv[0].isidentifier():
        print("usage: python -m nexus.bench NAME [ARGUMENT...]", file=sys.stderr)
        return 2
    name = f"nexus.bench.{argv[0]}"
    if importlib.util.find_spec(name) is None:
        print(f"bench: {argv[0]!r}: there is no module {name}", file=sys.stderr)
        return 2
    result: int = importlib.import_module(name).main(argv[1:])
    return result


if __name__ == "__main__":
    run_program(main)
