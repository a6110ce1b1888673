"""The options of every command, read from the parsers themselves: for completion and the manual.

Importing all programs takes a second; only commands that print about commands do it.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nexus.cli.main import COMMANDS, program
from nexus.core.commandline import CommandLine, parser_of

# The words that stand in help for a value which is the path of a file or a folder.
_FILE_WORDS: Final = ("FILE", "PATH", "DIR", "FOLDER", "ELF", "TOML", "IMAGE", "JSON")


@dataclass(frozen=True, slots=True)
class Argument:
    """An option, or an argument without a name: then `names` is empty."""

    names: tuple[str, ...]
    metavar: str  # The word for the value in help; empty if it takes no value.
    text: str
    words: tuple[str, ...]  # The values, if they are few.
    is_file: bool
    is_required: bool


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the table."""

    name: str
    summary: str
    text: str
    usage: str
    epilog: str
    arguments: tuple[Argument, ...]

    @property
    def options(self) -> list[Argument]:
        """Those with names."""
        return [argument for argument in self.arguments if argument.names]


def describe_all() -> list[Command]:
    """Describe every command, in the order of their names."""
    return [_describe(name) for name in sorted(COMMANDS)]


def _describe(name: str) -> Command:
    parser = _parser(name)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    usage = " ".join(parser.format_usage().removeprefix("usage: ").split())
    arguments = tuple(_argument(parser, action) for action in parser._actions)
    text = (parser.description or "").strip()
    return Command(name, COMMANDS[name][1], text, usage, (parser.epilog or "").strip(), arguments)


def _parser(name: str) -> CommandLine:
    parser = parser_of(program(name))
    for action in parser._actions:
        # The tools for state images are one program with a command for each.
        if isinstance(action, argparse._SubParsersAction):
            inner = action.choices[name.split()[-1]]
            assert isinstance(inner, CommandLine), f"{name}: made by {type(inner).__name__}"
            return inner
    return parser


def _argument(parser: CommandLine, action: argparse.Action) -> Argument:
    takes_value = action.nargs != 0
    metavar = _metavar(action) if takes_value else ""
    is_file = takes_value and (
        action.type is Path or any(word in metavar.upper() for word in _FILE_WORDS)
    )
    text = (action.help or "") % {"default": action.default, "prog": parser.prog}
    return Argument(
        tuple(action.option_strings),
        metavar,
        text,
        parser.suggested(action),
        is_file,
        action.required,
    )


def _metavar(action: argparse.Action) -> str:
    if isinstance(action.metavar, str):
        return action.metavar
    if action.choices:
        return "|".join(map(str, action.choices))
    return action.dest.upper() if action.option_strings else action.dest
