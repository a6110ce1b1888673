"""An argument parser that raises instead of ending the process.

The programs of this project report every mistake in one way: one line on the error stream and
the exit code of a bad configuration.  `argparse` prints a usage page and exits with 2.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Final, NoReturn, TypeVar

from nexus.core.errors import UsageError, did_you_mean
from nexus.core.exits import EXIT_CONFIG as EXIT_CONFIG
from nexus.core.text import printable, quote
from nexus.entry.options import StrictParser, file_name, whole_number

T = TypeVar("T")

_WIDTH_UNSHOWN: Final = 80

# Messages are in English everywhere.  To look for translations takes a millisecond at each start.
vars(argparse)["_"] = str


class CommandLine(StrictParser):
    """`ArgumentParser` whose `error` raises `UsageError`."""

    def __init__(self, prog: str, description: str) -> None:
        """Create the parser of a command, such as `nexus config check`."""
        self._is_shown = False
        self._unshown: argparse.HelpFormatter | None = None
        super().__init__(_as_typed(prog), description)
        self._words: dict[str, tuple[str, ...]] = {}

    def _get_formatter(self) -> argparse.HelpFormatter:
        """Ask for the terminal's width to print, and not for each option that is added.

        To ask imports `shutil` with all kinds of compression, 2 ms at each start.  An option that
        is added has a formatter look at its form, and one does for all.
        """
        if self._is_shown:
            return super()._get_formatter()
        if self._unshown is None:
            self._unshown = argparse.HelpFormatter(prog=self.prog, width=_WIDTH_UNSHOWN)
        return self._unshown

    def format_usage(self) -> str:
        """Format for the terminal."""
        self._is_shown = True
        return super().format_usage()

    def format_help(self) -> str:
        """Format for the terminal."""
        self._is_shown = True
        return super().format_help()

    def suggest(self, option: str, words: Iterable[str]) -> None:
        """Name the values of an option or argument that is checked after parsing, for shells."""
        self._words[option] = tuple(words)

    def suggested(self, action: argparse.Action) -> tuple[str, ...]:
        """List the values that an option or argument accepts, if they are few."""
        names = action.option_strings or [action.dest]
        known = next((self._words[name] for name in names if name in self._words), ())
        return tuple(map(str, action.choices or ())) or known

    def parse_known_args(  # type: ignore[override]  # The base class is overloaded on `namespace`.
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Read arguments, unless a caller asked what the parser is."""
        if _is_described.get():
            raise _Described(self)
        return super().parse_known_args(args, namespace)

    def near(self, word: str, accepted: Iterable[str]) -> str:
        """Say which accepted word may have been meant."""
        return did_you_mean(word, accepted)

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong."""
        raise UsageError(f"{self.explain(message)} (see {self.prog} --help)")


class _Described(BaseException):
    """A parser that was about to read arguments, while a caller asked what it is."""

    def __init__(self, parser: CommandLine) -> None:
        super().__init__()
        self.parser = parser


_is_described: Final = ContextVar("is_described", default=False)


def parser_of(main: Callable[[list[str]], int]) -> CommandLine:
    """Return the parser of a main, which is stopped where it would begin to read arguments."""
    token = _is_described.set(True)
    try:
        main([])
    except _Described as found:
        return found.parser
    finally:
        _is_described.reset(token)
    raise AssertionError(f"{main} reads no arguments")


def _as_typed(command: str) -> str:
    """Name a command as it was started: by its module, if that is what Python was given."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    name = getattr(spec, "name", None) or ""
    is_module = name.startswith("nexus.") and name != "nexus.cli.main"
    return f"python -m {name.removesuffix('.__main__')}" if is_module else command


def fail(error: object, exit_code: int = EXIT_CONFIG) -> int:
    """Report an error on the error stream, a line for each mistake; return the exit code."""
    for line in str(error).split("\n"):
        sys.stderr.write(f"error: {printable(line)}\n")
    return exit_code


def bounded(option: str, text: str | None, low: int, high: int) -> int | None:
    """Read a whole number in `low..high`, in any base that Python writes; None stays None.

    Raises:
        UsageError: it is no such number.
    """
    if text is None:
        return None
    value = whole_number(text)
    if value is None or not low <= value <= high:
        raise UsageError(f"{option}: {quote(text)} is not a whole number in {low}..{high}")
    return value


def one_of(option: str, value: str, accepted: Sequence[str]) -> str:
    """Return the value.

    Raises:
        UsageError: it is not among the accepted ones.
    """
    if value not in accepted:
        near = did_you_mean(value, accepted)
        raise UsageError(
            f"{option}: {quote(value)} is unknown; expected {', '.join(accepted)}{near}"
        )
    return value


def named_paths(option: str, given: Sequence[str], form: str) -> dict[str, Path]:
    """Read `NAME=PATH` items; `form` says in an error how one is written, with an example.

    Raises:
        UsageError: an item has another form, a name is given twice, or a path is not one.
    """
    return {
        name: Path(checked(option, file_name, text))
        for name, text in named_texts(option, given, form).items()
    }


def checked(option: str, read: Callable[[str], T], text: str) -> T:
    """Read a part of an option's value by a type of options.

    Raises:
        UsageError: it is not a value of that type.
    """
    try:
        return read(text)
    except argparse.ArgumentTypeError as exc:
        raise UsageError(f"{option}: {exc}") from None


def named_texts(option: str, given: Sequence[str], form: str) -> dict[str, str]:
    """Read `NAME=TEXT` items, and keep each text as it is written; see `named_paths`."""
    texts: dict[str, str] = {}
    for item in given:
        name, equals, text = item.partition("=")
        if not (name and equals and text):
            raise UsageError(f"{option}: {quote(item)} is not {form}")
        if name in texts:
            raise UsageError(f"{option}: {name!r} is given twice")
        texts[name] = text
    return texts
