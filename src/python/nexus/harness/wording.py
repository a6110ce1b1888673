"""The words of verdicts and progress: missing markers, lines of a console, virtual time."""

from __future__ import annotations

from typing import Final

from nexus.core.text import printable
from nexus.harness.plan import Expectation

# An unfinished line is shown to be recognised, not to be read.
_SHOWN_CHARACTERS_MAX: Final = 80


def describe_missing(expectation: Expectation, unfinished: bytes) -> str:
    """An expectation that was not met, and what its machine printed after its last newline."""
    kind = "a line like" if expectation.is_pattern else "marker"
    text = f"{kind} {expectation.text!r} on machine {expectation.machine}"
    if unfinished:
        said = unfinished.decode("utf-8", "backslashreplace")
        shown = said if len(said) <= _SHOWN_CHARACTERS_MAX else said[:_SHOWN_CHARACTERS_MAX] + "..."
        text += f" (its last output {shown!r} has no newline, so it is not a line yet)"
    return text


def format_ms(ns: int) -> str:
    """A stretch of virtual time, to the microsecond."""
    return f"{ns // 1_000_000}.{ns // 1_000 % 1_000:03d} ms"


def format_ns(ns: int) -> str:
    """Print a virtual instant in milliseconds, aligned."""
    return f"{ns // 1_000_000:6d}.{ns // 1_000 % 1_000:03d} ms"


def show_line(text: str) -> str:
    """Escape what a guest must not send to a terminal or a CI host; tabs only move the cursor."""
    return printable(text, keep="\t")
