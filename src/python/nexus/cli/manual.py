"""`nexus manual`: the manual page nexus(1), made from the parsers of the commands.

nexus manual | man -l -
nexus manual > ~/.local/share/man/man1/nexus.1
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from nexus.core.commandline import CommandLine, fail
from nexus.core.errors import UsageError
from nexus.core.version import VERSION
from nexus.entry.beside import NATIVE_INTERPRETER
from nexus.entry.program import TRACEBACK, run_program

if TYPE_CHECKING:
    from nexus.cli.describing import Argument, Command

_HEAD: Final = f"""\
.TH NEXUS 1 "" "nexus {VERSION}" "User Commands"
.SH NAME
nexus \\- build, boot and test a distributed RISC\\-V operating system
.SH SYNOPSIS
.B nexus
.I COMMAND
.RI [ ARGUMENTS ]
.br
.B nexus help
.RI [ COMMAND ]
.br
.B nexus \\-\\-version
.SH DESCRIPTION
One name for the programs of the Nexus pipeline: the emulator of one machine, worlds of several
machines on one switch, configurations, package and state images, and peers on the DSoftBus.
Each command reports every mistake in one line and ends with an exit code of its own.
.SH COMMANDS
"""

_TAIL: Final = f"""\
.SH EXIT STATUS
.TP
.B 0
The command did what was asked for.
.TP
.B 20
The command line, a file or a value is wrong; nothing was run.
.TP
.B 21
This host failed, for example because a disk is full.
.TP
.B 130
The command was interrupted.
.TP
.B 141
The reader of the standard output left before the end.
.PP
Every other code belongs to a command; its help lists them.
.SH ENVIRONMENT
.TP
.B {TRACEBACK}
If it is set, a defect of the program shows its Python traceback.
.TP
.B NO_COLOR
If it is set, nothing is coloured on a terminal.
.SH FILES
.TP
.I {NATIVE_INTERPRETER}
The fast interpreter. Beside the packaged program it is found without
.BR \\-\\-native\\-blob .
"""


def escape(text: str) -> str:
    """Write a text so that roff prints it as it is."""
    plain = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join(f"\\&{line}" if line[:1] in (".", "'") else line for line in plain.split("\n"))


def page() -> str:
    """Write the page; the same program gives the same bytes."""
    from nexus.cli.describing import describe_all

    return _HEAD + "".join(part for c in describe_all() for part in _command(c)) + _TAIL


def _command(command: Command) -> Iterator[str]:
    yield f".SS nexus {escape(command.name)}\n"
    yield f"{escape(command.summary[:1].upper() + command.summary[1:])}.\n"
    yield f".PP\n.nf\n.B {escape(command.usage)}\n.fi\n"
    for argument in command.arguments:
        if argument.text:
            yield f".TP\n{_title(argument)}\n{escape(argument.text)}\n"
    # Help texts are laid out for terminals; they stay as they are.
    for text in (command.text, command.epilog):
        if text:
            yield f".PP\n.nf\n{escape(text)}\n.fi\n"


def _title(argument: Argument) -> str:
    names = ", ".join(f"\\fB{escape(name)}\\fR" for name in argument.names)
    value = f"\\fI{escape(argument.metavar)}\\fR" if argument.metavar else ""
    return " ".join(part for part in (names, value) if part)


def main(arguments: Sequence[str]) -> int:
    """Print the page."""
    parser = CommandLine(
        "nexus manual", "Print the manual page of all commands. Example: nexus manual | man -l -"
    )
    try:
        parser.parse_args(list(arguments))
    except UsageError as exc:
        return fail(exc)
    sys.stdout.write(page())
    return 0


if __name__ == "__main__":
    run_program(main)
