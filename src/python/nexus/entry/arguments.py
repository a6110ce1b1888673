"""A parser of arguments for mains that have nothing of this project but the guard around them.

`argparse` prints a page for a mistake and ends with 2; here a mistake is one line and the exit code
of a bad configuration, as of every command.  `nexus.core.commandline` has more, for commands that
people use every day.
"""

from __future__ import annotations

import argparse
from typing import NoReturn

from nexus.entry.options import StrictParser
from nexus.entry.program import EXIT_CONFIG


class ArgumentParser(StrictParser):
    """`argparse`'s, whose mistakes are one line and exit code 20."""

    def __init__(self, prog: str, description: str) -> None:
        """Create the parser of a program, such as `ci:mutate`; the description is kept as it is."""
        super().__init__(prog, description, argparse.RawDescriptionHelpFormatter)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and end."""
        said = self.explain(message)
        shown = said if said.isprintable() else repr(said)
        self.exit(EXIT_CONFIG, f"error: {shown} (see {self.prog} --help)\n")
