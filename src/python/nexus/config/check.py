"""Check configuration files.

    python -m nexus.config.check FILE ... [--set node.ram_mib=128]

Node and world files are told apart by content.  One line for every mistake; exit code 20 if
there is one.
"""

from __future__ import annotations

from collections.abc import Sequence

from nexus.config.compile import compile_node
from nexus.config.load import load_any
from nexus.config.node import NodeConfig
from nexus.config.settings import Setting, add_files, add_option, parse_settings
from nexus.core.commandline import CommandLine, fail
from nexus.core.errors import NexusError
from nexus.entry.program import run_program


def check_file(path: str, given: Sequence[Setting] = ()) -> None:
    """Do everything short of running: read, check, compile.

    Raises:
        NexusError: with one line for every mistake.
    """
    config = load_any(path, given)
    nodes = [config] if isinstance(config, NodeConfig) else [m.node for m in config.machines]
    for node in nodes:
        compile_node(node)


def main(arguments: Sequence[str]) -> int:
    """Check every file, also after the first bad one."""
    parser = CommandLine("nexus config check", "Check node and world files.")
    add_files(parser)
    add_option(parser)
    try:
        options = parser.parse_args(arguments)
        given = parse_settings(options.settings)
    except NexusError as exc:
        return fail(exc)
    lines: list[str] = []
    for path in options.files:
        try:
            check_file(path, given)
        except NexusError as exc:
            lines += str(exc).split("\n")
    # A node file may be wrong by itself and within a world: say it once.
    return fail("\n".join(dict.fromkeys(lines))) if lines else 0


if __name__ == "__main__":
    run_program(main)
