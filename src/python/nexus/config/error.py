"""The problems of a configuration: a list, one line each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import Final

from nexus.core.errors import NexusError
from nexus.core.text import printable

_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")

# Python refuses to write the digits of very large integers; TOML has none of more than 64 bits.
_INTEGER_BITS_MAX: Final = 256

# A longer value says no more to a reader, and a whole table would fill the screen.
_VALUE_CHARS_MAX = 80

# A reader takes in no more, and looking for what each may have meant takes time.
PROBLEMS_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where it is and what is accepted instead.

    `source` is the place it stands in, if that is another than the file being read; `line` is its
    line there, 0 if it has none.
    """

    field: str
    text: str
    source: str = ""
    line: int = 0

    def __str__(self) -> str:
        return f"{self.field}: {self.text}" if self.field else self.text


def unshown(count: int) -> Problem:
    """Stand for so many problems behind the first `PROBLEMS_MAX`."""
    return Problem("", f"has {count} more mistakes; mend these first")


class ConfigError(NexusError):
    """A file cannot be used; every line of the text names it, the field and the bad value."""

    def __init__(
        self, source: str, problems: Sequence[Problem], others: Sequence[ConfigError] = ()
    ) -> None:
        """Collect the problems of one file, and those of the files it names."""
        self.source = source
        self.problems = tuple(problems)
        lines = [line for other in others for line in str(other).split("\n")]
        lines += [printable(_line(problem, source)) for problem in self.problems]
        # A mistake of a file that several machines share is reported once.
        super().__init__("\n".join(dict.fromkeys(lines)))


def _line(problem: Problem, source: str) -> str:
    line = f":{problem.line}" if problem.line else ""
    return f"{problem.source or source}{line}: {problem}"


def show_key(key: str) -> str:
    """Print a key in one line: as it is if it is a plain one, else quoted."""
    return key if _PLAIN_KEY.fullmatch(key) else show(key)


def show(value: object) -> str:
    """Print a value in one short line, as TOML has it."""
    text = _toml(value)
    return text if len(text) <= _VALUE_CHARS_MAX else text[: _VALUE_CHARS_MAX - 1] + "…"


def _toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() if value.bit_length() > _INTEGER_BITS_MAX:
            return f"an integer of {value.bit_length()} bits"
        case str():
            return _quote(value)
        case list() | tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case dict():
            pairs = (f"{show_key(key)} = {_toml(inner)}" for key, inner in value.items())
            return f"{{ {', '.join(pairs)} }}" if value else "{}"
        case date() | time():
            return value.isoformat()
        case _:
            return repr(value)


def _quote(text: str) -> str:
    if text.isprintable() and "'" not in text:
        return f"'{text}'"
    return f'"{"".join(map(_escape, text))}"'


def _escape(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"
