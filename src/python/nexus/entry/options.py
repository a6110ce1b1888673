"""The reading of options: refusals common to all parsers of arguments, and their words.

`argparse` abbreviates options, reports what is missing before what is misspelt, and repeats what it
was given at any length.  A subclass decides how a mistake is reported.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final  # Any: values of options, which argparse knows as no other type.

_SHOWN_CHARS_MAX: Final = 400
_VALUE_CHARS_MAX: Final = 60

# Words that argparse takes for values although they begin with a dash.
_NEGATIVE: Final = re.compile(r"-\d+|-\d*\.\d+")
_NUMBER: Final = re.compile(r"[+-]?[0-9][0-9A-Za-z_]*")
# Each text can be read in one way alone: with several, to refuse a long one takes hours.
_DECIMAL: Final = re.compile(
    r"[+-]?([0-9]+(\.[0-9]+)?|\.[0-9]+)(e[+-]?[0-9]+)?", re.ASCII | re.IGNORECASE
)
_MISSING_VALUE: Final = re.compile(r"argument (\S+): expected one argument")


class StrictParser(argparse.ArgumentParser):
    """`argparse`'s, which takes no abbreviation: they break when options grow."""

    def __init__(
        self,
        prog: str,
        description: str,
        formatter: type[argparse.HelpFormatter] = argparse.HelpFormatter,
    ) -> None:
        """Create the parser of a program, whose name is shown in its messages."""
        self._given: list[str] = []
        super().__init__(
            prog=prog, description=description, allow_abbrev=False, formatter_class=formatter
        )
        # An empty word is a variable of a script that was not set, and no name of this folder.
        self.register("type", Path, _path)

    def parse_known_args(  # type: ignore[override]  # The base class is overloaded on `namespace`.
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Keep what was given, for `explain`."""
        given = self._given = list(sys.argv[1:] if args is None else args)
        # At the very end `--` says nothing; argparse takes it for an argument.
        return super().parse_known_args(given[:-1] if given[-1:] == ["--"] else given, namespace)

    def near(self, word: str, accepted: Iterable[str]) -> str:
        """Say which accepted word may have been meant, as the end of a message."""
        return ""

    def explain(self, message: str) -> str:
        """Say what `argparse` found wrong; an unknown option comes before what is missing."""
        lacking = self._find_option_without_value(message)
        unknown = None if lacking else self._find_unknown()
        if lacking:
            message += f"; a value that begins with '-' is written {lacking}"
        elif unknown is not None:
            shown = unknown if unknown.isprintable() else repr(unknown)
            message = f"{shown}: is not an option{self.near(unknown, self._option_string_actions)}"
        if len(message) > _SHOWN_CHARS_MAX:
            message = f"{message[:_SHOWN_CHARS_MAX]}..."
        return message

    def _check_value(
        self,
        action: argparse.Action,
        value: Any,  # Whatever the option's type makes of its text.
    ) -> None:
        """Hold a value to those that the option or argument accepts."""
        if action.choices is None or value in action.choices:
            return
        accepted = [str(choice) for choice in action.choices]
        shown = _shown(value)
        near = self.near(str(value), accepted)
        raise argparse.ArgumentError(
            action, f"{shown} is unknown; expected {', '.join(accepted)}{near}"
        )

    def _find_option_without_value(self, message: str) -> str | None:
        """Find the option whose value looks like an option; return how it is written."""
        found = _MISSING_VALUE.fullmatch(message)
        if found is None:
            return None
        names = found[1].split("/")
        for name, value in zip(self._given, self._given[1:], strict=False):
            if name in names and value.startswith("-") and not self._is_known(value):
                return f"{name}={value}"
        return None

    def _find_unknown(self) -> str | None:
        """Find the first word before `--` that can be nothing but an option, and is none."""
        given = self._given
        before = given[: given.index("--")] if "--" in given else given
        options = (word.partition("=")[0] for word in before)
        return next((o for o in options if _is_option(o) and not self._is_known(o)), None)

    def _is_known(self, word: str) -> bool:
        """Whether a word is an option, perhaps a short one with its value or another behind it."""
        option = word.partition("=")[0]
        known = self._option_string_actions
        return option in known or (not word.startswith("--") and word[:2] in known)


def _path(text: str) -> Path:
    return Path(file_name(text))


def file_name(text: str) -> str:
    """Be the type of an option whose file is named in messages as it was given.

    Raises:
        argparse.ArgumentTypeError: It is empty, or would break the line that names it in two.
    """
    if not text:
        raise argparse.ArgumentTypeError("'' is not a path; expected the name of a file or folder")
    if "\n" in text or "\r" in text:
        raise argparse.ArgumentTypeError(
            f"{_shown(text)} has a line end; expected the name of a file or folder without"
        )
    return text


def whole_number(text: str) -> int | None:
    """Read a number as Python's source has it, such as 7, 0x1f or 1_000; None if it is not one."""
    try:
        # `int` also takes spaces around a number, and the digits of every script.
        return int(text, 0) if _NUMBER.fullmatch(text) else None
    except ValueError:
        return None


def whole(low: int, high: int) -> Callable[[str], int]:
    """Make a type of option: a whole number in `low..high`."""

    def read(text: str) -> int:
        value = whole_number(text)
        if value is None or not low <= value <= high:
            raise argparse.ArgumentTypeError(
                f"{_shown(text)} is not a whole number in {low}..{high}"
            )
        return value

    return read


def number(low: float, high: float, unit: str = "") -> Callable[[str], float]:
    """Make a type of option: a number in `low..high`, of a unit that a message names."""

    def read(text: str) -> float:
        value = float(text) if _DECIMAL.fullmatch(text) else None
        if value is None or not low <= value <= high:
            of_unit = f" of {unit}" if unit else ""
            raise argparse.ArgumentTypeError(
                f"{_shown(text)} is not a number{of_unit} in {low:g}..{high:g}"
            )
        return value

    return read


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _VALUE_CHARS_MAX else f"{shown[:_VALUE_CHARS_MAX]}..."


def _is_option(word: str) -> bool:
    return (
        len(word) > 1 and word.startswith("-") and " " not in word and not _NEGATIVE.fullmatch(word)
    )
