"""The end of a failed run: the last lines of each console, and each machine's last state."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Final

from nexus.core.text import printable

# How much of each console is shown when a run fails; the files hold all of it.
_TAIL_LINES: Final = 12

_CR: Final = "\r"
_TAB: Final = "\t"
_CONSOLE: Final = "uart-"
_STATE: Final = "state-"


def files_of(states: Mapping[str, Sequence[str]]) -> dict[str, bytes]:
    """The last states of machines as files to be left behind."""
    return {
        f"{_STATE}{label}.txt": "".join(f"{line}\n" for line in lines).encode()
        for label, lines in states.items()
    }


def show(files: Mapping[str, bytes]) -> None:
    """Print what a person looks for first, on the error stream."""
    for name, content in files.items():
        if name.startswith(_CONSOLE) and content:
            print(f"--- the last lines of {name}", file=sys.stderr)
            lines = content.removesuffix(b"\n").split(b"\n")[-_TAIL_LINES:]
            for text in (raw.decode("utf-8", "backslashreplace") for raw in lines):
                print(f"  {_tail_line(text)}", file=sys.stderr)
            if not content.endswith(b"\n"):
                print(
                    "--- the last of them has no newline, so it is not a line yet", file=sys.stderr
                )
    for name, content in files.items():
        if name.startswith(_STATE):
            label = name.removeprefix(_STATE).removesuffix(".txt")
            print(f"--- the last state of machine {label}", file=sys.stderr)
            for line in content.decode().splitlines():
                print(f"  {printable(line)}", file=sys.stderr)


def _tail_line(text: str) -> str:
    """Show a guest's line, and do not let a CI host take it for a command of its log."""
    shown = printable(text.removesuffix(_CR), keep=_TAB)
    is_command = shown.lstrip().startswith("::")
    return shown.replace(":", r"\x3a", 1) if is_command else shown
