"""Print the JSON Schema of a bundle's manifest, for editors and other tools.

    python -m nexus.image.package_schema

The schema says less than building does: rules between values are not in it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from nexus.core.commandline import CommandLine, fail
from nexus.core.errors import NexusError
from nexus.entry.program import run_program
from nexus.image.package_manifest import build_schema


def main(arguments: Sequence[str]) -> int:
    """Print the schema."""
    parser = CommandLine("nexus pkg schema", "Print the JSON Schema of a manifest.")
    try:
        parser.parse_args(arguments)
    except NexusError as exc:
        return fail(exc)
    sys.stdout.write(json.dumps(build_schema(), indent=2, sort_keys=True) + "\n")
    return 0


if __name__ == "__main__":
    run_program(main)
