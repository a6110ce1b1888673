"""Show the values of a configuration that count, and where each of them came from.

    python -m nexus.config.origins FILE ... [--set node.ram_mib=128] [--json]

A value comes from a file and line, from a default, from a machine's override in a world, or from
the command line.  What a file comes to in words is `nexus.config.describe`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from typing import Final

from nexus.config.effective import Section, Value, list_effective, list_files
from nexus.config.load import load_with_origins
from nexus.config.settings import add_files, add_option, parse_settings
from nexus.core.commandline import CommandLine, fail
from nexus.core.errors import NexusError
from nexus.entry.program import run_program

# Longer values push their own comment to the right, and no other.
_COLUMN_MAX: Final = 56


def show_lines(sections: Sequence[Section]) -> Iterator[str]:
    """Write the values as TOML with dotted keys, each with a comment."""
    for section in sections:
        yield f"# {section.title}"
        written = [
            f"{value.field} = {value.value if value.is_secret else write(value.value)}"
            for value in section.values
        ]
        width = max((len(text) for text in written if len(text) <= _COLUMN_MAX), default=0)
        for text, value in zip(written, section.values, strict=True):
            yield f"{text:{width}}  # {value.origin}"
        yield ""


def write(value: object) -> str:
    """Write a value as TOML does."""
    if isinstance(value, list):
        return f"[{', '.join(write(entry) for entry in value)}]"
    return json.dumps(value, ensure_ascii=False)


def to_json(path: str, sections: Sequence[Section]) -> dict[str, object]:
    """Say the same for programs."""
    return {
        "file": path,
        "files": list_files(sections),
        "sections": [
            {
                "title": section.title,
                "machine": section.label,
                "values": [_json_of(value) for value in section.values],
            }
            for section in sections
        ],
    }


def _json_of(value: Value) -> dict[str, object]:
    place = {"file": value.file, "line": value.line} if value.file is not None else {}
    return {"field": value.field, "value": value.value, "from": value.source.value, **place}


def main(arguments: Sequence[str]) -> int:
    """Explain every file."""
    parser = CommandLine("nexus config explain", "Show each value and where it came from.")
    add_files(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    add_option(parser)
    try:
        options = parser.parse_args(arguments)
        given = parse_settings(options.settings)
        found = {path: list_effective(load_with_origins(path, given)) for path in options.files}
    except NexusError as exc:
        return fail(exc)
    if options.json:
        document = [to_json(path, sections) for path, sections in found.items()]
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        lines = (line for sections in found.values() for line in show_lines(sections))
        sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


if __name__ == "__main__":
    run_program(main)
