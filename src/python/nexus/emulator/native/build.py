"""`python -m nexus.emulator.native.build --out FILE`: compile the native interpreter.

The only module that needs LLVM.  The output depends on the instruction table, the generators and
the version of llvmlite, and on nothing of the machine it is built on.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import llvmlite.binding as llvm

from nexus.emulator.native.blob import Blob
from nexus.emulator.native.decoder import handler_table
from nexus.emulator.native.flatten import flatten
from nexus.emulator.native.module import module_text
from nexus.entry.program import run_program

TRIPLE: Final = "x86_64-unknown-linux-gnu"
CPU: Final = "x86-64-v2"
# LLVM tunes for the first processors of this level, whose double shift is quick; on others it takes
# several times as long as the rotation it stands for.
FEATURES: Final = "-fast-shld-rotate"


def compile_object(text: str) -> bytes:
    """Compile IR text to a relocatable object."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple(TRIPLE)
    machine = target.create_target_machine(
        cpu=CPU, features=FEATURES, opt=2, reloc="pic", codemodel="small"
    )
    module = llvm.parse_assembly(f'target triple = "{TRIPLE}"\n{text}')
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    image: bytes = machine.emit_object(module)
    return image


def compiler() -> str:
    """Names the compiler; its calling convention between handlers is not promised to last."""
    return "llvm " + ".".join(map(str, llvm.llvm_version_info))


def build() -> bytes:
    """The blob's bytes."""
    flat = flatten(compile_object(module_text()))
    entries = (flat.symbols["enter"], flat.symbols["fill"])
    return Blob(*entries, len(handler_table()), flat.code, compiler()).pack()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(description="Compile the native interpreter.")
    parser.add_argument("--out", type=Path, required=True, help="where to write the blob")
    options = parser.parse_args(argv)
    options.out.write_bytes(build())
    return 0


if __name__ == "__main__":
    run_program(main)
