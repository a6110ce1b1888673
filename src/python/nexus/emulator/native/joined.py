"""Pairs of instructions that one handler does in a row, and the way in which slots get it.

What an interpreter costs is mostly the way from one instruction to the next, so frequent pairs have
a handler that goes it once.  When an instruction is decoded beside another one and there is such a
handler, the slot of the first gets it.  The second keeps its own, for jumps to it.  When the
second is forgotten, the first is decoded anew, so that the second of every pair is decoded: stores
find what they overwrite by that.

A first one never jumps and never ends a page, so its handler always gets to the second; with one
step left, it is executed alone.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from nexus.emulator.native.constants import CONSTANTS
from nexus.emulator.native.ir import Function
from nexus.emulator.native.layout import KINDS
from nexus.emulator.native.routine import routines
from nexus.emulator.native.slots import lengths

# By what compilers make of addresses, loops, rotations, wide sums, and the ways in and out of
# functions; counted over a boot of the guest and over loops of ciphers.  The digit says what the
# second takes from the first: 0 nothing, 1 its first operand, 2 its second.
PAIRS: Final = {
    "addi": "addi0 add0 and2 sd1 sd0 ld1 lbu1 sb0 beq0 beq1 bne1 blt2 bge1 bltu1 bgeu2 jal0",
    "add": "ld1 ld0 add1 addi0 sd1 lbu1 sb1 mul2 sltu1 bltu0 bne0",
    "sub": "ld1 sd1 add0 addi0",
    "slli": "add1 add2 or2 xor2 and1 srli1 srli0 sub1",
    "srli": "add2 or1 or2 and1 xor2 andi1 slli0 bne1",
    "andi": "beq1 bne1 slli1 add1",
    "and": "beq1 add2 ld0",
    "or": "addw0 addw2 addi0 bne1",
    "xor": "slliw1 slli1 xor1 addi0 addw0",
    "addw": "xor2 xor0",
    "slliw": "srliw0",
    "srliw": "or1",
    "lui": "addi1 addi0",
    "auipc": "addi1",
    "mul": "mulhu0 addi1 add2",
    "mulhu": "add0",
    "sltu": "add0 add2",
    "ld": "ld0 ld1 addi0 andi1 beq1 bne1 add0 add1 add2 sd0 sd2",
    "lw": "lw0 addi0 addi1 sw0",
    "lbu": "lbu0 add2 addi0 beq1 bne1 sb2",
    "lhu": "add2 bne1",
    "sd": "sd0 addi0 ld0 jal0",
    "sw": "sw0 addi0",
    "sb": "addi0 add0 sb0 beq0",
}

_BOTH: Final = 3  # The second's operands are both what the first has written.

Kind = tuple[str, int]  # The name and the length of an instruction.


class Pair(NamedTuple):
    """Two instructions that a handler does, and what the second takes from the first."""

    first: Kind
    second: Kind
    source: int

    @property
    def name(self) -> str:
        """The symbol of the handler."""
        return f"do_{self.first[0]}_{self.first[1]}_{self.second[0]}_{self.second[1]}_{self.source}"


def pairs() -> list[Pair]:
    """All pairs that have a handler, in every length of both."""
    return [
        Pair((first, length), (second[:-1], other), int(second[-1]))
        for first, text in PAIRS.items()
        for second in text.split()
        for length in lengths(first)
        for other in lengths(second[:-1])
    ]


_NAMES: Final = dict.fromkeys(kind[0] for pair in pairs() for kind in pair[:2])
_NUMBERS: Final = {name: number for number, name in enumerate(_NAMES, 1)}
assert 2 * len(_NUMBERS) + 1 < KINDS, "a slot has no room for more kinds"


def kind_of(name: str, length: int) -> int:
    """Return the number by which a slot names its instruction; 0 if it is part of no pair."""
    return 2 * _NUMBERS[name] + length // 4 if name in _NUMBERS else 0


_JOINING: Final = """
def join(slot, next):
    # Let the handler in a slot do the next one's instruction too, if there is one that can.
    if u64[slot] == symbol(undecoded) or u64[next] == symbol(undecoded):
        return 0
    bits = u8[slot + SLOT_COVERED]
    first = bits >> KIND_SHIFT & KINDS - 1
    second = u8[next + SLOT_COVERED] >> KIND_SHIFT & KINDS - 1
    if first == 0 or second == 0 or bits & JOINED:
        return 0
    target = u8[slot + SLOT_RD]
    source = u8[next + SLOT_RS1] == target
    if u8[next + SLOT_RS2] == target:
        source |= 2
    handler = joined(first << 8 | second << 2 | source)
    if handler:
        u64[slot] = handler
        u8[slot + SLOT_COVERED] = bits | JOINED
    return 0

def join_around(decoded, place, length):
    # An instruction was decoded: join it with what is before and behind it.
    slot = decoded + (place << 3)
    if place + length < 4096:
        join(slot, slot + (length << 3))
    distance = 2
    while distance <= 4 and distance <= place:
        before = slot - (distance << 3)
        if (u8[before + SLOT_COVERED] >> KIND_SHIFT & 1) == distance >> 2:
            join(before, slot)
        distance += 2
    return 0

def part(decoded, place):
    # An instruction is about to be forgotten: let what is joined with it be alone.
    #
    # That is decoded anew at once.  It may itself be the second of a pair, and what a pair does
    # must be seen by stores, which look for slots that are decoded.
    code = u64[decoded + TAIL_RAM]
    distance = 2
    while distance <= 4 and distance <= place:
        before = place - distance
        slot = decoded + (before << 3)
        bits = u8[slot + SLOT_COVERED]
        if bits & JOINED and (bits >> KIND_SHIFT & 1) == distance >> 2:
            word = u32[code + before] if distance == 4 else u16[code + before]
            decode(slot, word, before)
        distance += 2
    forget_kind(decoded + (place << 3))
    return 0

def forget_kind(slot):
    # Keep a slot out of pairs: its handler is not that of its kind, or is about to be another.
    u8[slot + SLOT_COVERED] &= COVERED
    return 0
"""


def _choice() -> str:
    """`i64 @joined(st, key)`: the handler of a pair, 0 if there is none."""
    function = Function("i64 @joined(ptr %st, i64 %key)")
    cases: dict[int, str] = {}
    for pair in sorted(pairs(), key=lambda pair: pair.source):
        key = kind_of(*pair.first) << 8 | kind_of(*pair.second) << 2
        # A handler finds in the state whatever it does not take from the first one.
        for source in range(_BOTH + 1):
            if pair.source & ~source == 0:
                cases[key | source] = pair.name
    text = " ".join(f"i64 {key}, label %{name}" for key, name in cases.items())
    function.emit(f"switch i64 %key, label %none [{text}]")
    for name in dict.fromkeys(cases.values()):
        function.label(name)
        function.emit(f"ret i64 ptrtoint (ptr @{name} to i64)")
    function.label("none")
    function.emit("ret i64 0")
    return function.text()


def joining() -> list[str]:
    """Everything in this file that is compiled."""
    return [_choice(), *routines(_JOINING, CONSTANTS)]
