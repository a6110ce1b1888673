"""Print the JSON Schema of a configuration file, for editors and other tools.

    python -m nexus.config.schema node|node-base|world

A node's file that extends others may leave out what they have; a base need not be complete at
all, and has a schema of its own.  The schemas say everything about the shape of a file but what
is listed in `BEYOND`; rules between values are only in `nexus.config.check`.

The files in docs/schema are this program's output; a test holds them to it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal  # Any: JSON Schema, whose leaves are of any type.

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from nexus.config.node import NodeConfig
from nexus.config.partial import partial_of
from nexus.config.world import WorldConfig
from nexus.core.commandline import CommandLine, fail, one_of
from nexus.core.errors import NexusError
from nexus.entry.program import run_program

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

# The file that an editor reads, beside a file of this kind: `#:schema PATH` in its first line.
FILES: Final[Mapping[str, str]] = {
    "node": "node.schema.json",
    "node-base": "node-base.schema.json",
    "world": "world.schema.json",
}

NodeFilePart: type[BaseModel] = partial_of(NodeConfig)


@dataclass(frozen=True, slots=True)
class Beyond:
    """A rule of the models that JSON Schema cannot state; `said` is in the message then."""

    said: str
    why: str


BEYOND: Final = (
    Beyond("expected an integer", "1.0 is an integer in JSON, and not in TOML"),
    Beyond("is not a host of", "whether an address is the first or last of its network"),
    Beyond("expected a ratio n/m between 0 and 1", "that n is at most m"),
    Beyond("is not a regular expression", "the syntax of regular expressions"),
    Beyond("matches an empty line", "what a regular expression matches"),
    Beyond("printable characters", "which characters beyond ASCII are printable"),
)


def model_for(kind: str, data: Mapping[str, Any]) -> type[BaseModel]:
    """Choose the model that says the same as the schema of this kind, for one file's content."""
    if kind == "world":
        return WorldConfig
    is_part = kind == "node-base" or "extends" in data
    return NodeFilePart if is_part else NodeConfig


def build_schema(kind: str) -> dict[str, Any]:
    """Build the schema of one kind of file."""
    if kind == "world":
        return {"$schema": DIALECT, **_tidy(WorldConfig.model_json_schema(by_alias=True))}
    models: list[type[BaseModel]] = [NodeFilePart]
    models += [NodeConfig] if kind == "node" else []
    asked: list[tuple[type[BaseModel], Literal["validation"]]] = [(m, "validation") for m in models]
    references, shared = models_json_schema(asked, by_alias=True)
    part, *whole = (references[key] for key in asked)
    # The keys come first, where editors look for them; then what a file of its own must have.
    rules = [part, *({"if": {"required": ["extends"]}, "else": rule} for rule in whole)]
    document = {"title": "NodeConfig", "type": "object", "allOf": rules, **shared}
    return {"$schema": DIALECT, **_tidy(document)}


def _tidy(schema: Any) -> Any:
    """Leave out what says nothing: TOML has no null, and titles repeat the names of keys."""
    if isinstance(schema, list):
        return [_tidy(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    tidy = {key: _tidy(value) for key, value in schema.items()}
    forms = tidy.get("anyOf")
    if isinstance(forms, list) and {"type": "null"} in forms:
        rest = [entry for entry in forms if entry != {"type": "null"}]
        del tidy["anyOf"]
        tidy = {**(rest[0] if len(rest) == 1 else {"anyOf": rest}), **tidy}
    for described in tidy.get("properties", {}).values():
        described.pop("title", None)
        # A table needs no default: its own keys have theirs.
        if described.get("default") in (None, []) or isinstance(described["default"], dict):
            described.pop("default", None)
    return tidy


def write_schema(kind: str) -> str:
    """Write a schema as its file has it."""
    return json.dumps(build_schema(kind), indent=2, sort_keys=True) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Print one schema."""
    parser = CommandLine("nexus config schema", "Print the JSON Schema of a configuration file.")
    parser.add_argument("kind", help=f"one of {', '.join(sorted(FILES))}")
    parser.suggest("kind", sorted(FILES))
    try:
        kind = one_of("kind", parser.parse_args(arguments).kind, sorted(FILES))
    except NexusError as exc:
        return fail(exc)
    sys.stdout.write(write_schema(kind))
    return 0


if __name__ == "__main__":
    run_program(main)
