"""`python -m nexus.harness.schema`: prints the JSON Schema of `summary.json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from nexus.core.commandline import CommandLine
from nexus.core.errors import UsageError
from nexus.core.exits import EXIT_CONFIG
from nexus.entry.program import run_program
from nexus.harness.summary import json_schema


def main(arguments: Sequence[str]) -> int:
    """Print it."""
    parser = CommandLine("nexus.harness.schema", "Print the JSON Schema of summary.json.")
    try:
        parser.parse_args(arguments)
    except UsageError as exc:
        print(f"error: {exc}", file=sys.stderr)
        return EXIT_CONFIG
    print(json.dumps(json_schema(), indent=2, sort_keys=True))
    return 0


if __name__ == "__main__":
    run_program(main)
