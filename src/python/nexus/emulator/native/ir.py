"""Writes one LLVM IR function as text."""

from __future__ import annotations

from typing import Final

from nexus.emulator.native.layout import PAGE_ADDRESS

# Every handler: state, bank, slot, steps left, decoded page.  With this convention all five stay
# in registers from handler to handler, and every call between handlers is a jump.
CONVENTION: Final = "preserve_nonecc"
PARAMETERS: Final = "ptr %st, ptr %bank, ptr %slot, i64 %left, ptr %page"

LIKELY: Final = "!prof !0"
UNLIKELY: Final = "!prof !1"
METADATA: Final = """
declare i64 @llvm.cttz.i64(i64, i1)
declare i64 @llvm.ctlz.i64(i64, i1)
declare i64 @llvm.ctpop.i64(i64)
declare i64 @llvm.bswap.i64(i64)
declare double @llvm.sqrt.f64(double)
declare float @llvm.sqrt.f32(float)
declare double @llvm.fma.f64(double, double, double)
declare float @llvm.fma.f32(float, float, float)
!0 = !{!"branch_weights", i32 10000, i32 1}
!1 = !{!"branch_weights", i32 1, i32 10000}
"""


class Function:
    """A function under construction.  Values are names or constants, as text."""

    def __init__(self, signature: str) -> None:
        self._lines = [f"define dso_local {signature} nounwind {{", "entry:"]
        self._count = 0

    def text(self) -> str:
        """The finished function."""
        return "\n".join([*self._lines, "}"])

    def emit(self, line: str) -> None:
        """Append an instruction without result."""
        self._lines.append(f"  {line}")

    def name(self) -> str:
        """A fresh name without its % sign; also good for labels."""
        self._count += 1
        return f"v{self._count}"

    def label(self, name: str) -> None:
        """Begin a basic block."""
        self._lines.append(f"{name}:")

    def value(self, expression: str) -> str:
        """Append an instruction with a result."""
        name = f"%{self.name()}"
        self.emit(f"{name} = {expression}")
        return name

    def op(self, operation: str, left: str | int, right: str | int, kind: str = "i64") -> str:
        """A binary operation."""
        return self.value(f"{operation} {kind} {left}, {right}")

    def compare(self, predicate: str, left: str | int, right: str | int, kind: str = "i64") -> str:
        """A comparison."""
        return self.value(f"icmp {predicate} {kind} {left}, {right}")

    def branch(self, condition: str, yes: str, no: str, hint: str = "") -> None:
        """A conditional branch."""
        weights = f", {hint}" if hint else ""
        self.emit(f"br i1 {condition}, label %{yes}, label %{no}{weights}")

    def jump(self, label: str) -> None:
        """An unconditional branch."""
        self.emit(f"br label %{label}")

    def at(self, base: str, offset: str | int) -> str:
        """The address `offset` bytes after `base`."""
        return self.value(f"getelementptr i8, ptr {base}, i64 {offset}")

    def load(self, kind: str, address: str) -> str:
        """Load; guest accesses may be misaligned."""
        return self.value(f"load {kind}, ptr {address}, align 1")

    def store(self, kind: str, value: str | int, address: str) -> None:
        """Store; guest accesses may be misaligned."""
        self.emit(f"store {kind} {value}, ptr {address}, align 1")

    def word(self, index: int | str) -> str:
        """Load a state word."""
        return self.load("i64", self.value(f"getelementptr i64, ptr %st, i64 {index}"))

    def set_word(self, index: int | str, value: str | int) -> None:
        """Store a state word."""
        self.store("i64", value, self.value(f"getelementptr i64, ptr %st, i64 {index}"))

    def pointer(self, address: str) -> str:
        """Make a pointer of an integer."""
        return self.value(f"inttoptr i64 {address} to ptr")

    def require(self, condition: str, otherwise: str, hint: str = LIKELY) -> None:
        """Go on only if the condition holds."""
        label = self.name()
        self.branch(condition, label, otherwise, hint)
        self.label(label)


class Handler(Function):
    """A function of the handlers' convention."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{CONVENTION} void @{name}({PARAMETERS})")
        # The slot of the instruction that is written, and the steps left before and after it.
        self.slot, self.left, self.after = "%slot", "%left", "%after"

    def tail(
        self,
        target: str,
        slot: str = "",
        left: str = "",
        page: str = "%page",
        bank: str = "%bank",
    ) -> None:
        """Continue in another handler."""
        self.emit(
            f"musttail call {CONVENTION} void {target}"
            f"(ptr %st, ptr {bank}, ptr {slot or self.slot}, i64 {left or self.left}, ptr {page})"
        )
        self.emit("ret void")

    def dispatch(self, slot: str, left: str, page: str = "%page", bank: str = "%bank") -> None:
        """Continue with the instruction in a slot."""
        self.tail(self.load("ptr", slot), slot, left, page, bank)

    def pc(self) -> str:
        """The address of the instruction in the slot."""
        slot = self.value(f"ptrtoint ptr {self.slot} to i64")
        page = self.value("ptrtoint ptr %page to i64")
        offset = self.op("lshr", self.op("sub", slot, page), 3)
        return self.op("add", offset, self.word(PAGE_ADDRESS))
