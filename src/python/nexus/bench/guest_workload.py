"""Guest programs whose speed is worth knowing, one of each kind, assembled by our own table.

Each runs a number of rounds, prints a checksum on the console and powers off, so that engines can
be compared on answers before they are compared on time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from nexus.bench.guest_float import LINEAR_ALGEBRA
from nexus.bench.guest_held_out import BITS, BYTECODE, HASHES, limbs
from nexus.bench.guest_paging import PAGING
from nexus.emulator.image_builder import executable
from nexus.emulator.isa.assemble import assemble

# Prints s10 in hexadecimal, then ends the run.
_FINISH: Final = """
finish:
    li a1, 0x10000000
    li a2, 60
finish_digit: srl a3, s10, a2
    andi a3, a3, 15
    addi a3, a3, 65
    sb a3, 0(a1)
    addi a2, a2, -4
    bge a2, zero, finish_digit
    li a3, 10
    sb a3, 0(a1)
    li a1, 0x100000
    li a2, 0x5555
    sw a2, 0(a1)
finish_wait: j finish_wait
"""

_INTEGER: Final = """
    li s0, 0x80100000
round: li t0, 0
    li t1, 65536
clear: add t2, s0, t0
    li t3, 1
    sb t3, 0(t2)
    addi t0, t0, 1
    bne t0, t1, clear
    li t0, 2
prime: add t2, s0, t0
    lbu t3, 0(t2)
    beqz t3, composite
    mul t4, t0, t0
strike: bgeu t4, t1, composite
    add t2, s0, t4
    sb zero, 0(t2)
    add t4, t4, t0
    j strike
composite: addi t0, t0, 1
    li t3, 256
    bne t0, t3, prime
    addi t5, s11, 27
collatz: addi s10, s10, 1
    andi t3, t5, 1
    srli t4, t5, 1
    beqz t3, halved
    slli t4, t5, 1
    add t4, t4, t5
    addi t4, t4, 1
halved: mv t5, t4
    li t3, 1
    bne t5, t3, collatz
    li t0, 60000
random: li t3, 6364136223846793005
    mul s1, s1, t3
    addi s1, s1, 1442
    srli t4, s1, 33
    xor s10, s10, t4
    addi t0, t0, -1
    bnez t0, random
    addi s11, s11, -1
    bnez s11, round
    j finish
"""

_MEMORY: Final = """
    li s0, 0x80100000
    li s1, 0x80180000
    li t0, 0
    li t1, 65536
chain: addi t2, t0, 0x4d5
    li t3, 65535
    and t2, t2, t3
    slli t2, t2, 3
    add t2, t2, s0
    slli t3, t0, 3
    add t3, t3, s0
    sd t2, 0(t3)
    addi t0, t0, 1
    bne t0, t1, chain
round: mv t0, s0
    mv t1, s1
    li t2, 16384
copy: ld t3, 0(t0)
    ld t4, 8(t0)
    ld t5, 16(t0)
    ld t6, 24(t0)
    sd t3, 0(t1)
    sd t4, 8(t1)
    sd t5, 16(t1)
    sd t6, 24(t1)
    addi t0, t0, 32
    addi t1, t1, 32
    addi t2, t2, -1
    bnez t2, copy
    li t2, 65536
    mv t0, s0
chase: ld t0, 0(t0)
    addi t2, t2, -1
    bnez t2, chase
    add s10, s10, t0
    li t2, 65536
    mv t0, s1
scan: lhu t3, 0(t0)
    add s10, s10, t3
    addi t0, t0, 2
    addi t2, t2, -1
    bnez t2, scan
    addi s11, s11, -1
    bnez s11, round
    j finish
"""

_CALLS: Final = """
    li sp, 0x80200000
    li s0, 0x80100000
    la t0, first
    sd t0, 0(s0)
    la t0, second
    sd t0, 8(s0)
    la t0, third
    sd t0, 16(s0)
    la t0, fourth
    sd t0, 24(s0)
round: li a0, 16
    call fibonacci
    add s10, s10, a0
    li s1, 2000
interpret: andi t0, s1, 3
    slli t0, t0, 3
    add t0, t0, s0
    ld t0, 0(t0)
    jalr ra, 0(t0)
    addi s1, s1, -1
    bnez s1, interpret
    addi s11, s11, -1
    bnez s11, round
    j finish
fibonacci: li t0, 2
    blt a0, t0, leaf
    addi sp, sp, -32
    sd ra, 0(sp)
    sd s2, 8(sp)
    sd s3, 16(sp)
    mv s2, a0
    addi a0, a0, -1
    call fibonacci
    mv s3, a0
    addi a0, s2, -2
    call fibonacci
    add a0, a0, s3
    ld ra, 0(sp)
    ld s2, 8(sp)
    ld s3, 16(sp)
    addi sp, sp, 32
leaf: ret
first: addi s10, s10, 7
    ret
second: slli t1, s10, 1
    xor s10, s10, t1
    ret
third: addi sp, sp, -16
    sd ra, 0(sp)
    call first
    ld ra, 0(sp)
    addi sp, sp, 16
    ret
fourth: srli t1, s10, 3
    add s10, s10, t1
    ret
"""

_CONSOLE: Final = """
    li s0, 0x10000000
round: lbu t0, 5(s0)
    andi t0, t0, 0x20
    beqz t0, round
    add s10, s10, t0
    andi t1, s11, 255
    bnez t1, quiet
    li t1, 46
    sb t1, 0(s0)
quiet: addi s11, s11, -1
    bnez s11, round
    j finish
"""


def _crypto() -> str:
    """ChaCha20 blocks on sixteen registers, and multiplications as X25519 has them."""
    state = [f"x{number}" for number in range(8, 24)]

    def quarter(a: int, b: int, c: int, d: int) -> str:
        lines = []
        for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            first, second, third = state[x], state[y], state[z]
            lines += [
                f"addw {first}, {first}, {second}",
                f"xor {third}, {third}, {first}",
                f"slliw x5, {third}, {turn}",
                f"srliw {third}, {third}, {32 - turn}",
                f"or {third}, {third}, x5",
            ]
        return "\n".join(lines)

    columns = [quarter(i, 4 + i, 8 + i, 12 + i) for i in range(4)]
    diagonals = [quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4) for i in range(4)]
    setup = "\n".join(f"li {register}, {0x61707865 + 77 * i}" for i, register in enumerate(state))
    rounds = "\n".join([*columns, *diagonals])
    limbs = "\n".join(
        f"mul x5, {state[i]}, x25\nmulhu x6, {state[i]}, x25\nadd x24, x24, x5\n"
        f"sltu x7, x24, x5\nadd x25, x25, x6\nadd x25, x25, x7"
        for i in range(8)
    )
    return f"""
    mv x30, x27
    li x24, 0
    li x25, 0x7ffffffffffed
    {setup}
round: li x29, 10
double: {rounds}
    addi x29, x29, -1
    bnez x29, double
    {limbs}
    xor x31, x31, x24
    addi x30, x30, -1
    bnez x30, round
    xor s10, x31, x8
    j finish
"""


@dataclass(frozen=True, slots=True)
class Workload:
    """A program and how often its body is repeated."""

    source: Callable[[], str]
    rounds: int  # About 0.2 s on QEMU on a machine of 2026.
    is_compute: bool = True
    is_held_out: bool = False  # Computes too, and has a mean of its own.
    harts: int = 1

    def elf(self, divisor: int = 1) -> bytes:
        """The program, with `1 / divisor` of its rounds."""
        start = f"li s11, {max(1, self.rounds // divisor)}\n"
        return executable(assemble(start + self.source() + _FINISH))


def _held_out(source: Callable[[], str], rounds: int) -> Workload:
    return Workload(source, rounds, is_compute=False, is_held_out=True)


WORKLOADS: Final[Mapping[str, Workload]] = {
    "integer": Workload(lambda: _INTEGER, 250),
    "memory": Workload(lambda: _MEMORY, 500),
    "crypto": Workload(_crypto, 200_000),
    "calls": Workload(lambda: _CALLS, 5000),
    "held out: bytecode": _held_out(lambda: BYTECODE, 8000),
    "held out: bits": _held_out(lambda: BITS, 1500),
    "held out: hashes": _held_out(lambda: HASHES, 8000),
    "held out: limbs": _held_out(limbs, 3_000_000),
    # Not among the compute workloads whose mean is followed since before it was there.
    "linear algebra": Workload(lambda: LINEAR_ALGEBRA, 400, is_compute=False),
    "traps": Workload(lambda: PAGING, 200_000, is_compute=False),
    "mmio": Workload(lambda: _CONSOLE, 5_000_000, is_compute=False),
}
EMPTY: Final = Workload(lambda: "j finish\n", 1)
