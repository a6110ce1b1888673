"""Text of unknown origin, for a terminal or one line of a report."""

from __future__ import annotations

from typing import Final


def show(text: str) -> str:
    """Return a text of one line that nothing can be hidden in.

    Letters and signs of every script stay.  Whatever a terminal would act on or not show
    (controls, line ends, changes of direction, lone surrogates) is escaped as Python does, and so
    is the backslash: two different texts are never shown alike.
    """
    return "".join(_escape(char) for char in text)


def _escape(char: str) -> str:
    if char.isprintable():
        return "\\\\" if char == "\\" else char
    number = ord(char)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


# The characters of a value that an error shows: enough to find it.
QUOTED_CHARS_MAX: Final = 60


def quote(text: str) -> str:
    """Return a value as Python writes it; of a long one the beginning."""
    return repr(text if len(text) <= QUOTED_CHARS_MAX else text[:QUOTED_CHARS_MAX] + "…")


def mask(text: str) -> str:
    """Return a text of one line, with a question mark for what a terminal would act on."""
    return "".join(char if char.isprintable() else "?" for char in text)


# The signs that CI hosts take for a command of the log, wherever in a line they stand.
_LOG_COMMANDS: Final = ("##[", "##vso[")


def printable(text: str, keep: str = "") -> str:
    """Return a text in which nothing acts on a terminal, a CI host's log or an XML parser.

    Unlike `show` it leaves backslashes as they are: most texts stay what they were.  `keep` names
    controls that are wanted, such as line ends.
    """
    for command in _LOG_COMMANDS:
        text = text.replace(command, f"\\x23{command[1:]}")
    return "".join(char if char.isprintable() or char in keep else _escape(char) for char in text)
