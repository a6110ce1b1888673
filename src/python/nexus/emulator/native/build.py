"""`python -m nexus.emulator.native.build --out FILE`: compile the native interpreter.

Needs LLVM, which makes code for every processor on each of them.  The output depends on the
instruction table, the generators, the processor that it is made for and the version of llvmlite,
and on nothing of the machine it is built on.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import llvmlite.binding as llvm

from nexus.emulator.native.blob import Blob
from nexus.emulator.native.decoder import handler_table
from nexus.emulator.native.flatten import flatten
from nexus.emulator.native.module import module_text
from nexus.emulator.native.processor import NAMES, X86_64, Processor, host, named
from nexus.emulator.native.table import check_digest
from nexus.emulator.native.target import parse, target_machine
from nexus.entry.arguments import ArgumentParser
from nexus.entry.program import run_program


def compile_object(text: str, processor: Processor) -> bytes:
    """Compile IR text to a relocatable object.

    Raises:
        StaleDigestError: Products would say that they are made from other sources.
    """
    check_digest()
    machine = target_machine(processor, 2)
    module = parse(text, processor)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    image: bytes = machine.emit_object(module)
    return image


def compiler() -> str:
    """Names the compiler; its calling convention between handlers is not promised to last."""
    return "llvm " + ".".join(map(str, llvm.llvm_version_info))


def build(processor: Processor) -> bytes:
    """The blob's bytes."""
    flat = flatten(compile_object(module_text(processor), processor))
    entries = (flat.symbols["enter"], flat.symbols["fill"])
    return Blob(*entries, len(handler_table()), flat.code, processor, compiler()).pack()


def add_processor(parser: ArgumentParser) -> None:
    """Let a program make code for another processor than its own."""
    parser.add_argument(
        "--processor",
        choices=NAMES,
        default=(host() or X86_64).name,
        help="the processor of the code; default: that of this host",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program."""
    parser = ArgumentParser("native:build", "Compile the native interpreter.")
    parser.add_argument("--out", type=Path, required=True, help="where to write the blob")
    add_processor(parser)
    options = parser.parse_args(argv)
    options.out.write_bytes(build(named(options.processor)))
    return 0


if __name__ == "__main__":
    run_program(main)
