"""Print the JSON Schema of a configuration file, for editors and other tools.

    python -m nexus.config.schema node|world

The schema says less than `nexus.config.check`: rules between values are not in it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel

from nexus.config.node import NodeConfig
from nexus.config.world import WorldConfig
from nexus.core.commandline import EXIT_CONFIG, CommandLine
from nexus.core.errors import NexusError

MODELS: Final[Mapping[str, type[BaseModel]]] = {"node": NodeConfig, "world": WorldConfig}


def build_schema(kind: str) -> dict[str, Any]:
    """Build the schema of one kind of file."""
    schema = MODELS[kind].model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def main(arguments: Sequence[str]) -> int:
    """Print one schema."""
    parser = CommandLine("nexus.config.schema", "Print the JSON Schema of a configuration file.")
    parser.add_argument("kind", choices=sorted(MODELS))
    try:
        kind = parser.parse_args(arguments).kind
    except NexusError as exc:
        sys.stderr.write(f"error: {exc}\n")
        return EXIT_CONFIG
    sys.stdout.write(json.dumps(build_schema(kind), indent=2, sort_keys=True) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
