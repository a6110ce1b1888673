"""Lines of the contract from the reader's side: markers and records that a reader looks for."""

from __future__ import annotations

import re
from typing import Final

_FIELD: Final = re.compile(r"\{(\w+)(?::[^}]*)?\}")


def pattern_of(line: str, **fields: str) -> re.Pattern[str]:
    """Return what a line matches: its fields are groups in their order.

    Args:
        line: The line as the contract has it, with a name in braces for each field.
        fields: What a field may be, as a regular expression; a field without one has no spaces.
    """
    parts = []
    at = 0
    for field in _FIELD.finditer(line):
        parts.append(re.escape(line[at : field.start()]))
        parts.append(f"({fields.pop(field[1], r'[^ ]+')})")
        at = field.end()
    assert not fields, f"no field of {line!r}: {', '.join(fields)}"
    return re.compile("".join(parts) + re.escape(line[at:]))


def start_of(line: str) -> str:
    """Return what stands before a line's first field."""
    return _FIELD.split(line, maxsplit=1)[0]
