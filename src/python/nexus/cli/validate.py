"""`nexus config validate`: check files against the JSON Schemas of their kinds.

Any file that the tools write and read back, and the files that people write: told apart by ending
and content, or named by `--kind`.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from nexus.cli.world.program import run
from nexus.config.files import read_toml
from nexus.config.held_file import ReadingError, hold_to_schema, parse_json, read_text
from nexus.config.kinds import Kind, kind_of
from nexus.core.commandline import CommandLine, fail
from nexus.core.errors import NexusError
from nexus.core.text import show
from nexus.entry.program import run_program

Schema = Mapping[str, object]


def _of_config(kind: str) -> Callable[[], Schema]:
    def build() -> Schema:
        from nexus.config.schema import build_schema

        return build_schema(kind)

    return build


def _summary() -> Schema:
    from nexus.harness.summary import json_schema

    return json_schema()


def _event() -> Schema:
    from nexus.harness.report.event import json_schema

    return json_schema()


def _record() -> Schema:
    from nexus.dsoftbus.io.record import record_schema

    return record_schema()


def _activity() -> Schema:
    from nexus.harness.activity import json_schema

    return json_schema()


def _replay() -> Schema:
    from nexus.campaign.replay import ReplayFile

    return ReplayFile.model_json_schema()


def _coverage() -> Schema:
    from nexus.coverage.executed import json_schema

    return json_schema()


def _lines() -> Schema:
    from nexus.coverage.lines import json_schema

    return json_schema()


# The kinds of files: each has a schema, which is imported when it is wanted.
KINDS: Final[dict[str, Callable[[], Schema]]] = {
    "node": _of_config("node"),
    "node-base": _of_config("node-base"),
    "world": _of_config("world"),
    "summary": _summary,
    "timeline": _event,
    "activity": _activity,
    "audit": _record,
    "replay": _replay,
    "coverage": _coverage,
    "lines": _lines,
}

# Keys that only a file of this kind has; the first that fits counts.
_BY_KEYS: Final = (
    ("summary", {"deterministic"}),
    ("replay", {"scenario_sha256"}),
    ("activity", {"stretch_ns"}),
    ("coverage", {"parts", "runs"}),
    ("lines", {"parts"}),
)


def main(arguments: Sequence[str]) -> int:
    """Validate every file, also after the first bad one."""
    parser = CommandLine(
        "nexus config validate",
        "Check files against the JSON Schemas of their kinds: node and world files, and what runs, "
        "campaigns and peers have left.",
    )
    add = parser.add_argument
    add("files", nargs="+", type=Path, metavar="FILE", help="TOML, JSON, or JSON a line (.jsonl)")
    add("--kind", choices=tuple(KINDS), metavar="KIND", help=f"one of {', '.join(KINDS)}")
    return run(parser, arguments, _validate)


def _validate(options: Namespace) -> int:
    code = 0
    for path in options.files:
        try:
            kind = _validate_file(path, options.kind)
            sys.stdout.write(f"{show(str(path))}: a valid {kind}\n")
        except NexusError as exc:
            code = fail(exc)
    return code


def _validate_file(path: Path, kind: str | None) -> str:
    name = show(str(path))
    if path.suffix == ".jsonl":
        found, schema = kind, None
        for number, held in _lines_of(path):
            found = found or ("timeline" if isinstance(held, dict) and "ns" in held else "audit")
            schema = schema or KINDS[found]()
            hold_to_schema(f"{name}:{number}", held, schema)
        return found or "timeline"
    if path.suffix == ".toml":
        held = read_toml(path)
        found = kind or ("node" if kind_of(held) is Kind.NODE else "world")
    else:
        held = parse_json(name, read_text(path))
        found = kind or _kind_of(name, held)
    hold_to_schema(name, held, KINDS[found]())
    return found


def _kind_of(name: str, held: object) -> str:
    keys = set(held) if isinstance(held, dict) else set()
    for kind, wanted in _BY_KEYS:
        if wanted <= keys:
            return kind
    raise ReadingError(f"{name}: its kind is not known; name it with --kind {'|'.join(KINDS)}")


def _lines_of(path: Path) -> Iterator[tuple[int, object]]:
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line:
            yield number, parse_json(show(str(path)), line, number)


if __name__ == "__main__":
    run_program(main)
