"""The same work on one hart and on several, so that what several cost is a ratio.

Rounds are numbers that harts take from one counter until there are none; what a round computes
depends on its number alone, so the answer is the same on every hart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nexus.bench.guest_workload import Workload

# Some tenths of a second on QEMU; a round is five thousand instructions.
_ROUNDS: Final = 60_000

# The first shared word counts rounds, the second adds their results, the third counts harts
# that are done.
_SOURCE: Final = """
    csrr s9, mhartid
    la s8, shared
    li s0, 0x80200000
    slli t0, s9, 12
    add s0, s0, t0
    li s5, 6364136223846793005
take: li t0, 1
    amoadd.d s7, t0, (s8)
    bge s7, s11, done
    li s6, 0
    li t0, 512
mix: mul s7, s7, s5
    addi s7, s7, 1442
    andi t1, s7, 0x7f8
    add t1, t1, s0
    sd s7, 0(t1)
    srli t2, s7, 33
    ld t3, 0(t1)
    add s6, s6, t3
    xor s6, s6, t2
    addi t0, t0, -1
    bnez t0, mix
    addi t1, s8, 8
    amoadd.d zero, s6, (t1)
    j take
done: addi t1, s8, 16
    li t0, 1
    amoadd.d zero, t0, (t1)
    beqz s9, last
sleep: wfi
    j sleep
last: ld t0, 0(t1)
    li t2, {harts}
    bne t0, t2, last
    ld s10, 8(s8)
    j finish
.align 8
shared: .space 24
"""


def _work(harts: int) -> Workload:
    text = _SOURCE.format(harts=harts)
    return Workload(lambda: text, _ROUNDS, is_compute=False, harts=harts)


ONE_HART: Final = "1 hart"
# The highest cost of several busy harts, one = 1: more would be a cliff for every such kernel.
MOST: Final[Mapping[str, float]] = {"native": 1.2, "translated": 1.5}
HARTS: Final[Mapping[str, Workload]] = {
    ONE_HART: _work(1),
    **{f"{count} harts": _work(count) for count in (2, 4, 8)},
}
