"""The `nexus` command: one name for the programs of this project.

    python -m nexus.cli.main COMMAND [ARGUMENTS]

A table of programs and nothing else: each reads its own arguments, reports its own mistakes and
chooses its exit code.  A program is imported when it is run, so that no command pays for another.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Final, NoReturn

from nexus.core.errors import did_you_mean
from nexus.core.exits import EXIT_CONFIG, EXIT_HOST
from nexus.core.text import QUOTED_CHARS_MAX, quote
from nexus.core.version import VERSION
from nexus.entry.program import report_only, run_program
from nexus.entry.quick_start import VARIABLE, remember_start

# Name: (module with `main(arguments) -> exit code`, or module:function; what it does).
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "bus call": ("nexus.cli.bus.call", "call any method of a peer's service"),
    "bus discover": ("nexus.cli.bus.discover", "list the nodes that announce themselves"),
    "bus keygen": ("nexus.cli.bus.keygen", "make a node's key file"),
    "bus ping": ("nexus.cli.bus.ping", "measure round trips over a session with a peer"),
    "bus query": ("nexus.cli.bus.query", "ask a peer how many bundles it has"),
    "bus resolve": ("nexus.cli.bus.resolve", "ask a peer whether a service is registered"),
    "bus schema": ("nexus.cli.bus.schema", "print the schema of bus.toml, of records, of methods"),
    "bus serve": ("nexus.cli.bus.serve", "run a node that permitted peers may call"),
    "bus whoami": ("nexus.cli.bus.whoami", "show a node's id and the key that peers pin"),
    "completion": ("nexus.cli.completion", "print the shell completion of this command"),
    "config blob": ("nexus.config.blob", "compile a node's file into the guest's blob"),
    "config check": ("nexus.config.check", "check node and world files"),
    "config describe": ("nexus.config.describe", "describe a file in words"),
    "config explain": ("nexus.config.origins", "show each effective value and its origin"),
    "config schema": ("nexus.config.schema", "print the JSON Schema of a file"),
    "config validate": ("nexus.cli.validate", "check files against their JSON Schemas"),
    "coverage lines": ("nexus.cli.coverage.lines", "write the source line of each instruction"),
    "coverage merge": ("nexus.cli.coverage.merge", "add up what several runs have executed"),
    "coverage report": ("nexus.cli.coverage.report", "show which lines of the guest were executed"),
    "image system": ("nexus.image.system", "join a kernel and its services into one ELF"),
    "log": ("nexus.cli.log.read", "print the log of a peer"),
    "manual": ("nexus.cli.manual", "print the manual page: nexus manual | man -l -"),
    "os2vm": ("nexus.harness.os2vm", "boot a world and prove what its consoles must show"),
    "pkg build": ("nexus.image.package", "build a package image of bundles of files"),
    "pkg cat": ("nexus.cli.pkg.cat", "write a peer's package file to the standard output"),
    "pkg cp": ("nexus.cli.pkg.cp", "copy a peer's package file"),
    "pkg extract": ("nexus.image.package_extract", "write the files of a package image"),
    "pkg inspect": ("nexus.image.package_inspect", "show what is in a package image"),
    "pkg ls": ("nexus.cli.pkg.ls", "list a bundle of a peer"),
    "pkg schema": ("nexus.image.package_schema", "print the JSON Schema of a bundle's manifest"),
    "pkg serve": ("nexus.cli.pkg.serve", "let permitted peers read a package image"),
    "pkg stat": ("nexus.cli.pkg.stat", "print the size of a peer's package files"),
    "pkg verify": ("nexus.image.package_verify", "verify a package image and its listings"),
    "state compact": ("nexus.remotefs.state.tool:compact", "rewrite an image without dead records"),
    "state del": ("nexus.cli.state.delete", "remove a key of a peer"),
    "state dump": ("nexus.remotefs.state.tool:dump", "list the entries of a state disk image"),
    "state fsck": ("nexus.remotefs.state.tool:fsck", "check or repair a state disk image"),
    "state get": ("nexus.cli.state.get", "write a peer's value to the standard output"),
    "state ls": ("nexus.cli.state.ls", "list keys of a peer"),
    "state put": ("nexus.cli.state.put", "set a value of a peer"),
    "state serve": ("nexus.cli.state.serve", "let permitted peers read and write a state image"),
    "state sync": ("nexus.cli.state.sync", "wait until a peer's changes survive a power cut"),
    "vm run": ("nexus.cli.vm_run", "boot one machine and connect its console"),
    "vm translate": ("nexus.cli.vm_translate", "compile the code of guest images"),
    "world debug": ("nexus.cli.world.debug", "debug a failing seed just before it fails"),
    "world diff": ("nexus.cli.world.diff", "show where the timelines of two runs part"),
    "world frames": ("nexus.cli.world.frames", "print the frames of a capture, decoded"),
    "world pinpoint": ("nexus.cli.world.pinpoint", "say when a failure became inevitable"),
    "world replay": ("nexus.cli.world.replay", "run a failing seed again, to the same bytes"),
    "world report": ("nexus.cli.world.report", "make the report of a run again"),
    "world shrink": ("nexus.cli.world.shrink", "make a failing seed small"),
    "world timeline": ("nexus.cli.world.timeline", "print what happened in a run, in one order"),
}

GROUPS: Final = tuple(dict.fromkeys(name.split()[0] for name in COMMANDS if " " in name))

# Their output is a report on the way to a verdict or of a service: losing it must end neither.
REPORTS: Final = frozenset({"bus serve", "os2vm", "pkg serve", "state serve"})

_HELP: Final = ("-h", "--help", "help")

# First words beside commands; they may be misspelt as well.
_ALONE: Final = ("help", "--help", "--version")

_USAGE: Final = """\
usage: nexus COMMAND [ARGUMENTS]
       nexus help [COMMAND]
       nexus --version

{commands}

`nexus help COMMAND` explains a command.  See nexus(1) or docs/cli.md.
"""


def main(arguments: Sequence[str]) -> int:
    """Run the program that the first one or two words name; one word of a group lists it."""
    words = list(arguments)
    if not words:
        sys.stdout.write(_USAGE.format(commands=_list(COMMANDS)))
        return EXIT_CONFIG
    if len(words) == 1 and words[0] in GROUPS:
        _help(words)
        return EXIT_CONFIG  # A group alone runs nothing, no more than no word at all.
    if words[0] in ("-V", "--version", "version") and len(words) == 1:
        sys.stdout.write(f"nexus {VERSION}\n")
        return 0
    if words[0] in _HELP:
        return _help(words[1:])
    name = find_command(words)
    if name is not None:
        return run(name, words[len(name.split()) :])
    if words[0] in GROUPS and words[1] in _HELP:
        return _help([words[0], *words[2:]])
    return _refuse(words)


def find_command(words: Sequence[str]) -> str | None:
    """Return the command that the first words name, if they do."""
    return next((name for n in (2, 1) if (name := " ".join(words[:n])) in COMMANDS), None)


def run(name: str, arguments: Sequence[str]) -> int:
    """Import one program and run it."""
    if name in REPORTS and not {"-h", "--help"}.intersection(arguments):
        report_only()
    try:
        found = program(name)
    except ModuleNotFoundError as exc:
        return _report_missing(name, exc)
    return int(found(list(arguments)))


def entry() -> NoReturn:
    """Be the `nexus` command, of an installed package or of a packaged program."""
    if VARIABLE in os.environ:
        remember_start()
    run_program(main)


def program(name: str) -> Callable[[list[str]], int]:
    """Import the program of a command."""
    module, _, function = COMMANDS[name][0].partition(":")
    found: Callable[[list[str]], int] = getattr(import_module(module), function or "main")
    return found


def _report_missing(name: str, error: ModuleNotFoundError) -> int:
    """Report a command that this installation does not have, or has not all packages for."""
    package = (error.name or "?").partition(".")[0]
    if package == "nexus":
        text = "is not in this installation; ./pants run src/python/nexus/cli:nexus has it"
    else:
        text = f"needs the package {package!r}, which is not installed: pip install {package!r}"
    sys.stderr.write(f"error: {name!r} {text}\n")
    return EXIT_HOST


def _help(words: Sequence[str]) -> int:
    if not words or (len(words) == 1 and words[0] in _HELP):
        sys.stdout.write(_USAGE.format(commands=_list(COMMANDS)))
        return 0
    name = find_command(words)
    if name is not None:
        return run(name, ["--help"])  # Words after it are arguments, which help does not need.
    if words[0] in GROUPS and len(words) == 1:
        group = words[0]
        listed = _list(name for name in COMMANDS if name.startswith(f"{group} "))
        sys.stdout.write(f"usage: nexus {group} COMMAND [ARGUMENTS]\n\n{listed}\n")
        return 0
    return _refuse(words)


def _refuse(words: Sequence[str]) -> int:
    """Report an unknown command in one line that names the words possible at its place."""
    name = " ".join(words[:2] if words[0] in GROUPS else words[:1])
    if words[0] in GROUPS:
        inner = [command.split()[1] for command in COMMANDS if command.startswith(f"{words[0]} ")]
        accepted = f"after {words[0]!r} expected {', '.join(inner)}"
    else:
        accepted = f"expected {', '.join(sorted({name.split()[0] for name in COMMANDS}))}"
    known = COMMANDS if len(words) > 1 else [*COMMANDS, *GROUPS, *_ALONE]
    hint = did_you_mean(" ".join(words[:2])[:QUOTED_CHARS_MAX], known)
    said = f"{quote(name)} is not a command; {accepted}{hint} (see nexus help)"
    sys.stderr.write(f"error: {said}\n")
    return EXIT_CONFIG


def _list(names: Iterable[str]) -> str:
    listed = list(names)
    width = max(len(name) for name in listed)
    return "\n".join(f"  {name:{width}}  {COMMANDS[name][1]}" for name in listed)


if __name__ == "__main__":
    entry()
