"""Write the blob of a node, for a guest started by hand.

python -m nexus.config.blob NODE.toml --out NODE.nxcf [--set node.ram_mib=128]
qemu-system-riscv64 ... -fw_cfg name=opt/org.nexus/node,file=NODE.nxcf
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nexus.config.compile import compile_node
from nexus.config.load import load_node
from nexus.config.settings import add_option, parse_settings
from nexus.core.commandline import CommandLine, fail
from nexus.core.errors import NexusError
from nexus.entry.options import file_name
from nexus.entry.program import run_program


def main(arguments: Sequence[str]) -> int:
    """Read, compile, write."""
    parser = CommandLine("nexus config blob", "Compile a node's file into the guest's blob.")
    parser.add_argument("node", type=file_name, metavar="NODE.toml", help="the node's file")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="the blob to write")
    add_option(parser)
    try:
        options = parser.parse_args(arguments)
        blob = compile_node(load_node(options.node, parse_settings(options.settings)))
        options.out.write_bytes(blob)
    except NexusError as exc:
        return fail(exc)
    except OSError as exc:
        return fail(f"--out: cannot write {exc.filename}: {exc.strerror}")
    return 0


if __name__ == "__main__":
    run_program(main)
