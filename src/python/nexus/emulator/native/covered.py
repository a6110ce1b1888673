"""The native engine, with a record of what it executes.

Generated code decodes an instruction when it is first executed, so the slots of decoded pages that
have a handler are the record, and recording costs what it takes to look at them before they are
thrown away.  A page is announced by `Exit.PAGE` when it is first executed.  From then on it counts
as translated, so that a store to it comes here first, by `Exit.REGION`: we take down what was
executed, and let the page be decoded anew.  So it is, too, when its protection changes.

Which way a branch went, its handler notes in the slot itself: while coverage is recorded, the table
from which the decoder takes handlers has those that do.
"""

from __future__ import annotations

from typing import Final

from nexus.emulator.bus import Bus
from nexus.emulator.coverage import (
    EXECUTED,
    NOT_TAKEN,
    PAGE_HALVES,
    TAKEN,
    Recorder,
    add_flags,
)
from nexus.emulator.isa.cpu import Cpu
from nexus.emulator.memory import PAGE_BYTES, PAGE_SHIFT, RAM_BASE, Ram
from nexus.emulator.native import layout
from nexus.emulator.native.hart import NativeHart
from nexus.emulator.reference import state as s
from nexus.emulator.reference.chain import is_watched
from nexus.emulator.reference.covered import way_of
from nexus.emulator.reference.mmu import FETCH, MARK_CODE

# Handlers lie in one blob, so they differ in these bytes of their addresses.
_ADDRESS_BYTES: Final = 4
# From a byte of these that differs from an undecoded slot's to a byte that lets all flags through.
_MASK: Final = bytes([0, *[255] * 255])
# From the byte of a slot's register to flags.  Undecoded slots may have any; the mask drops them.
_WAYS: Final = bytes(
    EXECUTED
    | {
        s.SINK + layout.WENT_ON: NOT_TAKEN,
        s.SINK + layout.WENT_AWAY: TAKEN,
        s.SINK + layout.WENT_ON + layout.WENT_AWAY: TAKEN | NOT_TAKEN,
    }.get(register, 0)
    for register in range(256)
)

_LINE_SLOTS: Final = (1 << layout.LINE_SHIFT) // 2
_ALL_LINES: Final = (1 << 64) - 1
_ALL_BUT_LAST: Final = (1 << 8 * (PAGE_HALVES - 1)) - 1


class CoveredNativeHart(NativeHart):
    """A hart whose decoded pages are read before they are forgotten."""

    def __init__(
        self, ram: Ram, bus: Bus, entry: int, blob: bytes, recorder: Recorder, cpu: Cpu
    ) -> None:
        """Map the code, and ask it to announce pages.

        Raises:
            BlobError: The blob is not for this version.
        """
        self._recorder = recorder
        self._recorded: dict[int, bytearray] = {}  # Frame to flags.
        super().__init__(ram, bus, entry, blob, cpu=cpu)
        self._columns = [
            int.from_bytes(self._undecoded[byte : byte + 1] * PAGE_HALVES, "little")
            for byte in range(_ADDRESS_BYTES)
        ]
        self.state[layout.FRESH] = layout.FRESH_ALWAYS
        table, count = self._code.table.view, layout.BRANCH_COUNT
        noting = table[layout.NOTING_BRANCHES : layout.NOTING_BRANCHES + count]
        table[layout.BRANCHES : layout.BRANCHES + count] = noting
        recorder.attach(self.collect)

    def collect(self) -> None:
        """Take down what all decoded pages hold."""
        step = layout.RECORD_BYTES // 8
        decoded = self._record_words[::step].tolist()
        for number, place in enumerate(decoded):
            if place:
                self._take_down(number)

    def _take_down(self, number: int) -> None:
        place = self._record(number, 0) - self._pool.start
        end = place + PAGE_HALVES * layout.SLOT_BYTES
        memory = self._pool.memory
        differing = 0
        for byte, undecoded in enumerate(self._columns):
            column = memory[place + byte : end : layout.SLOT_BYTES]
            differing |= int.from_bytes(column, "little") ^ undecoded
        if self._is_half_an_instruction(number, place):
            differing &= _ALL_BUT_LAST
        if differing:
            mask = differing.to_bytes(PAGE_HALVES, "little").translate(_MASK)
            ways = memory[place + layout.SLOT_RD : end : layout.SLOT_BYTES].translate(_WAYS)
            add_flags(self._recorded[number], _both(mask, ways))

    def _is_half_an_instruction(self, number: int, place: int) -> bool:
        """Whether the last slot holds an instruction whose other half was never found."""
        last = self.ram.buffer[(number + 1 << PAGE_SHIFT) - 2]
        word = self._pool.memory[place + layout.TAIL_WORD : place + layout.TAIL_WORD + 8]
        return last & 3 == 3 and not any(word)

    def _execute(self, pc: int) -> int:
        if not is_watched(self.state, self.ticks):
            return super()._execute(pc)  # The slot shows its instruction.
        physical = self.mmu.translate(pc, FETCH, 2)
        operation = self.fetch(pc, physical)
        number = physical - RAM_BASE >> PAGE_SHIFT
        flags = self._recorded.get(number)
        if flags is None:
            flags = self._recorder.page(self.ram, number, pc, self.state[s.PRIVILEGE])
        flags[(pc & PAGE_BYTES - 1) >> 1] |= EXECUTED
        reached = super()._execute(pc)
        flags[(pc & PAGE_BYTES - 1) >> 1] |= way_of(self, operation, pc)
        return reached

    def _translate_page(self, number: int) -> None:
        """Execute a page for the first time, or under other protection than so far."""
        if number in self._recorded:
            self._forget(number)  # It is announced again, since it is decoded anew.
            return
        pc, privilege = self.state[s.PC], self.state[s.PRIVILEGE]
        self._recorded[number] = self._recorder.page(self.ram, number, pc, privilege)
        self.ram.marks[number] |= MARK_CODE
        self._cover(number, 0, layout.PAGE_SLOTS, b"\1")
        self._set_record(number, layout.RECORD_REGIONS, _ALL_LINES)

    def _give_up_regions(self, number: int, first: int, last: int) -> None:
        """The guest is about to write to a page of code: to instructions, or to data beside them.

        Data need not come to us again.  Should it become code without the page being decoded
        anew, and be overwritten then, we do not know that it was executed.
        """
        self._take_down(number)
        start, end = max(first - 2 >> 1, 0), (last >> 1) + 1
        if any(self._recorded[number][start:end]):
            self._forget(number)
            self._step()  # Decoded anew, the page would be guarded against this very store.
            return
        start = first >> 1
        self._cover(number, start, end, b"\0")
        lines = self._record(number, layout.RECORD_REGIONS)
        for line in range(start // _LINE_SLOTS, (end - 1) // _LINE_SLOTS + 1):
            if not self._is_covered(number, line):
                lines &= ~(1 << line)
        self._set_record(number, layout.RECORD_REGIONS, lines)

    def _cover(self, number: int, start: int, end: int, flag: bytes) -> None:
        """Say of slots whether stores to them come to us first."""
        place = self._record(number, 0) - self._pool.start + layout.SLOT_COVERED
        places = slice(
            place + start * layout.SLOT_BYTES, place + end * layout.SLOT_BYTES, layout.SLOT_BYTES
        )
        self._pool.memory[places] = flag * (end - start)

    def _is_covered(self, number: int, line: int) -> bool:
        """Whether a store to any slot of a line comes to us first."""
        place = self._record(number, 0) - self._pool.start + layout.SLOT_COVERED
        start = place + line * _LINE_SLOTS * layout.SLOT_BYTES
        end = start + _LINE_SLOTS * layout.SLOT_BYTES
        bits = self._pool.memory[start : end : layout.SLOT_BYTES]  # With the kinds of instructions.
        return any(it & layout.COVERED for it in bits)

    def _forget(self, page: int) -> None:
        if self._record(page, 0):
            self._take_down(page)
        self._recorded.pop(page, None)
        super()._forget(page)

    def _empty_pool(self) -> None:
        self.collect()
        self._recorded.clear()
        super()._empty_pool()


def _both(left: bytes, right: bytes) -> bytes:
    """Return the flags that two rows have in common."""
    common = int.from_bytes(left, "little") & int.from_bytes(right, "little")
    return common.to_bytes(len(left), "little")
