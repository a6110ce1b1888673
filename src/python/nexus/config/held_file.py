"""Reads files that tools write and read back, each held to its JSON Schema before it is used.

An edge: files are read here.  An error names file, place, value and what is accepted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final  # Any: what jsonschema calls so.

from nexus.core.errors import NexusError
from nexus.core.text import show
from nexus.entry.reading import read_bounded

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

# A capture is 64 MiB at most, a console of a broken guest may be larger.
FILE_BYTES_MAX: Final = 256 << 20
_SHOWN_CHARACTERS: Final = 60


class ReadingError(NexusError):
    """A file that is not what it should be; the reader names another one."""


def read_bytes(path: Path) -> bytes:
    """Read a whole file within the bound."""
    try:
        data = read_bounded(path, FILE_BYTES_MAX)
    except OSError as exc:
        raise ReadingError(f"cannot read {show(str(path))}: {exc.strerror}") from exc
    if len(data) > FILE_BYTES_MAX:
        raise ReadingError(f"{show(str(path))}: larger than {FILE_BYTES_MAX} bytes")
    return data


def read_text(path: Path) -> str:
    """Read a whole file of UTF-8."""
    try:
        return read_bytes(path).decode()
    except UnicodeDecodeError as exc:
        raise ReadingError(f"{show(str(path))}: byte {exc.start}: not UTF-8") from None


def parse_json(name: str, text: str | bytes, line: int = 1) -> object:
    """Read JSON that begins on some line of a file.

    Raises:
        ReadingError: it is something else; the message begins with the file and the line.
    """
    try:
        found: object = json.loads(text)
    except json.JSONDecodeError as exc:
        place = f"{name}:{line + exc.lineno - 1}"
        raise ReadingError(f"{place}: not JSON: {exc.msg}, column {exc.colno}") from None
    except (ValueError, RecursionError) as exc:  # Another encoding, a number of too many digits.
        raise ReadingError(f"{name}: not JSON: {exc}") from None
    return found


def hold_to_schema(name: str, held: object, schema: Mapping[str, object]) -> None:
    """Hold a value that was read to its JSON Schema.

    Raises:
        ReadingError: the first and deepest mistake, with its place, its value and what is accepted.
    """
    import jsonschema  # A tenth of a second, which not every reader of files needs.
    from jsonschema.exceptions import best_match

    validator = jsonschema.Draft202012Validator(schema)
    error = best_match(validator.iter_errors(held))
    if error is None:
        return
    place = ".".join(str(part) for part in error.absolute_path) or "the whole file"
    value = show(json.dumps(error.instance, ensure_ascii=False))
    if len(value) > _SHOWN_CHARACTERS:
        value = value[:_SHOWN_CHARACTERS] + "..."
    raise ReadingError(f"{name}: {place}: {value}: {_accepted(error)}")


def _accepted(error: ValidationError) -> str:
    wanted: Any = error.validator_value
    schema: Any = error.schema
    match error.validator:
        case "type":
            return f"expected {wanted}"
        case "enum" | "const":
            return f"expected {json.dumps(wanted)}"
        case "required":
            instance: Any = error.instance
            missing = [name for name in wanted if name not in instance]
            return f"{missing[0]!r} is missing"
        case "additionalProperties":
            accepted = sorted(schema.get("properties", {}))
            held: Any = error.instance
            unknown = show(next((repr(key) for key in held if key not in accepted), "a key"))
            known = ", ".join(accepted)
            return f"{unknown} is unknown; expected {known}" if known else f"{unknown} is unknown"
        case _:
            return show(error.message)
