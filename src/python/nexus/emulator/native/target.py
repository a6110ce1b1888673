"""LLVM's settings for each processor that code is generated for."""

from __future__ import annotations

from typing import Final, NamedTuple

import llvmlite.binding as llvm

from nexus.emulator.native.processor import AARCH64, X86_64, Processor


class _Target(NamedTuple):
    triple: str
    cpu: str
    features: str


_TARGETS: Final = {
    # LLVM tunes for the first processors of this level, whose double shift is quick; on others it
    # takes several times as long as the rotation it stands for.
    X86_64: _Target("x86_64-unknown-linux-gnu", "x86-64-v2", "-fast-shld-rotate"),
    # Every 64-bit Arm has Armv8.0 with floating point.
    AARCH64: _Target("aarch64-unknown-linux-gnu", "generic", ""),
}


def target_machine(processor: Processor, level: int) -> llvm.TargetMachine:
    """Return LLVM's machine that emits the code of a processor, optimised at this level."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    it = _TARGETS[processor]
    target = llvm.Target.from_triple(it.triple)
    return target.create_target_machine(
        cpu=it.cpu, features=it.features, opt=level, reloc="pic", codemodel="small"
    )


def parse(text: str, processor: Processor) -> llvm.ModuleRef:
    """Read a module's text as one for this processor."""
    return llvm.parse_assembly(f'target triple = "{_TARGETS[processor].triple}"\n{text}')
