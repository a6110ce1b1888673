"""The `nexus` command: one name for the programs of this project.

    python -m nexus.cli.main COMMAND [ARGUMENTS]

A table of programs and nothing else: each reads its own arguments, reports its own mistakes and
chooses its exit code.  A program is imported when it is run, so that no command pays for another.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Final

from nexus.core.commandline import EXIT_CONFIG
from nexus.core.errors import did_you_mean

# Name: (module with `main(arguments) -> exit code`, or module:function; what it does).
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "bus discover": ("nexus.cli.bus.discover", "list the nodes that announce themselves"),
    "bus keygen": ("nexus.cli.bus.keygen", "make a node's key file"),
    "bus ping": ("nexus.cli.bus.ping", "measure round trips over a session with a peer"),
    "bus query": ("nexus.cli.bus.query", "ask a peer how many bundles it has"),
    "bus resolve": ("nexus.cli.bus.resolve", "ask a peer whether a service is registered"),
    "bus schema": ("nexus.cli.bus.schema", "print the JSON Schema of bus.toml and of records"),
    "bus serve": ("nexus.cli.bus.serve", "be a node that permitted peers may call"),
    "bus whoami": ("nexus.cli.bus.whoami", "show a node's id and the key that peers pin"),
    "completion": ("nexus.cli.completion", "print the shell completion of this command"),
    "config blob": ("nexus.config.blob", "compile a node's file into the guest's blob"),
    "config check": ("nexus.config.check", "check node and world files"),
    "config describe": ("nexus.config.describe", "say in words what a file comes to"),
    "config explain": ("nexus.config.origins", "show each value that counts and its origin"),
    "config schema": ("nexus.config.schema", "print the JSON Schema of a file"),
    "image system": ("nexus.image.system", "join a kernel and its services into one ELF"),
    "log": ("nexus.cli.log.read", "print the log of a peer"),
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
    "vm run": ("nexus.cli.vm_run", "boot one machine and connect its console"),
    "vm translate": ("nexus.cli.vm_translate", "compile the code of guest images"),
    "os2vm": ("nexus.harness.os2vm", "boot a world and prove what its consoles must show"),
    "state compact": ("nexus.remotefs.state.tool:compact", "rewrite an image without what is dead"),
    "state del": ("nexus.cli.state.delete", "remove a key of a peer"),
    "state dump": ("nexus.remotefs.state.tool:dump", "list the entries of a state disk image"),
    "state fsck": ("nexus.remotefs.state.tool:fsck", "check or repair a state disk image"),
    "state get": ("nexus.cli.state.get", "write a peer's value to the standard output"),
    "state ls": ("nexus.cli.state.ls", "list keys of a peer"),
    "state put": ("nexus.cli.state.put", "set a value of a peer"),
    "state serve": ("nexus.cli.state.serve", "let permitted peers read and write a state image"),
    "state sync": ("nexus.cli.state.sync", "wait until a peer's changes survive a power cut"),
}


def main(arguments: Sequence[str]) -> int:
    """Run the program that the first one or two words name; one word of a group lists it."""
    if not arguments or arguments[0] in ("-h", "--help"):
        sys.stdout.write(_usage("nexus", COMMANDS))
        return 0 if arguments else EXIT_CONFIG
    for words in (2, 1):
        name = " ".join(arguments[:words])
        if name in COMMANDS:
            return run(name, arguments[words:])
    group = [name for name in COMMANDS if name.startswith(f"{arguments[0]} ")]
    if group and (len(arguments) == 1 or arguments[1] in ("-h", "--help")):
        sys.stdout.write(_usage(f"nexus {arguments[0]}", group))
        return 0
    name = " ".join(arguments[:2])
    hint = did_you_mean(name, COMMANDS)
    sys.stderr.write(f"error: {name!r} is no command; accepted are {', '.join(COMMANDS)}{hint}\n")
    return EXIT_CONFIG


def run(name: str, arguments: Sequence[str]) -> int:
    """Import one program and run it."""
    return int(program(name)(list(arguments)))


def program(name: str) -> Callable[[list[str]], int]:
    """Import the program of a command."""
    module, _, function = COMMANDS[name][0].partition(":")
    found: Callable[[list[str]], int] = getattr(import_module(module), function or "main")
    return found


def _usage(who: str, names: Iterable[str]) -> str:
    listed = list(names)
    width = max(len(name) for name in listed)
    lines = [f"  {name:{width}}  {COMMANDS[name][1]}" for name in listed]
    return "\n".join([f"usage: {who} COMMAND [ARGUMENTS]", *lines, ""])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
