"""A parser of arguments for mains that have nothing of this project but the guard around them.

`argparse` prints a page for a mistake, abbreviates options and ends with 2; here a mistake is one
line and the exit code of a bad configuration, as of every command.  `nexus.core.commandline` has
more, for commands that people use every day.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

from nexus.entry.program import EXIT_CONFIG

_SHOWN_CHARS_MAX: Final = 200


class ArgumentParser(argparse.ArgumentParser):
    """`argparse`'s, whose mistakes are one line and exit code 20."""

    def __init__(self, prog: str, description: str) -> None:
        """Create the parser of a program, such as `ci:mutate`; the description is kept as it is."""
        self._given: list[str] = []
        super().__init__(
            prog=prog,
            description=description,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def parse_known_args(  # type: ignore[override]  # The base class is overloaded on `namespace`.
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Keep what was given, for `error`."""
        self._given = list(sys.argv[1:] if args is None else args)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and end; an unknown option comes before what is missing."""
        before = self._given[: self._given.index("--")] if "--" in self._given else self._given
        options = (word.partition("=")[0] for word in before if word.startswith("--"))
        for option in options:
            if option not in self._option_string_actions:
                message = f"{option}: is not an option"
                break
        shown = message if message.isprintable() else repr(message)
        if len(shown) > _SHOWN_CHARS_MAX:
            shown = f"{shown[:_SHOWN_CHARS_MAX]}..."
        self.exit(EXIT_CONFIG, f"error: {shown} (see {self.prog} --help)\n")
