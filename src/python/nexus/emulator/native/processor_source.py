"""The little of the interpreter that names the processor it is for: modes and fused sums.

Floating point has the modes in which `float_source` knows what the unit does: nearest even, no
flushing to zero, no traps.
"""

from __future__ import annotations

from typing import Final

from nexus.emulator.isa.statement import Format
from nexus.emulator.native.float_source import BITS, TYPES, unit_of
from nexus.emulator.native.processor import AARCH64, X86_64, Processor

# Modes are read, set, and in the end put back.
_MODES: Final = {
    X86_64: (
        """
declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)
""",
        """
  %before = alloca i32
  %ours = alloca i32
  store i32 8064, ptr %ours
  call void @llvm.x86.sse.stmxcsr(ptr %before)
  call void @llvm.x86.sse.ldmxcsr(ptr %ours)
""",
        "  call void @llvm.x86.sse.ldmxcsr(ptr %before)",
    ),
    AARCH64: (
        """
declare i64 @llvm.aarch64.get.fpcr()
declare void @llvm.aarch64.set.fpcr(i64)
""",
        """
  %before = call i64 @llvm.aarch64.get.fpcr()
  call void @llvm.aarch64.set.fpcr(i64 0)
""",
        "  call void @llvm.aarch64.set.fpcr(i64 %before)",
    ),
}

# Instructions that not every host of the kind has: mapping.py says whether this one does.
_FUSED_FEATURES: Final = {X86_64: '"target-features"="+avx,+fma"', AARCH64: ""}


def way_in(processor: Processor) -> str:
    """The function that Python calls."""
    declarations, enter, leave = _MODES[processor]
    return f"""{declarations}
define dso_local void @enter(ptr %st, i64 %left) nounwind {{{enter}
  %bank = call i64 @switch_context(ptr %st)
  %place = inttoptr i64 %bank to ptr
  call preserve_nonecc void @fetch(ptr %st, ptr %place, ptr null, i64 %left, ptr null)
{leave}
  ret void
}}
"""


def fused_units(processor: Processor) -> list[str]:
    """Functions that use an instruction which not every host has: a * b + c, rounded once."""
    features = _FUSED_FEATURES[processor]
    functions = []
    for it in Format:
        kind = TYPES[it]
        functions.append(
            f"define dso_local {kind} @{unit_of(it)}({kind} %a, {kind} %b, {kind} %c)"
            f" nounwind {features} {{\n"
            f"  %r = call {kind} @llvm.fma.f{BITS[it]}({kind} %a, {kind} %b, {kind} %c)\n"
            f"  ret {kind} %r\n}}\n"
        )
    return functions
