"""`nexus bus schema`: JSON Schemas of `bus.toml` and audit records, and the methods of peers."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from nexus.cli.bus.call import methods_schema
from nexus.core.commandline import CommandLine, fail
from nexus.core.errors import UsageError
from nexus.dsoftbus.io.record import config_schema, record_schema
from nexus.entry.program import run_program

SCHEMAS: Final[Mapping[str, Callable[[], Mapping[str, object]]]] = {
    "config": config_schema,
    "methods": methods_schema,
    "record": record_schema,
}


def main(arguments: Sequence[str]) -> int:
    """Print one schema."""
    parser = CommandLine(
        "nexus bus schema",
        "Print the JSON Schema of bus.toml or of a record, or the methods of a peer's services.",
    )
    parser.add_argument(
        "kind",
        choices=sorted(SCHEMAS),
        help="which schema: of the file, of methods, or of a record",
    )
    try:
        kind = parser.parse_args(list(arguments)).kind
    except UsageError as exc:
        return fail(exc)
    sys.stdout.write(json.dumps(SCHEMAS[kind](), indent=2, sort_keys=True) + "\n")
    return 0


if __name__ == "__main__":
    run_program(main)
