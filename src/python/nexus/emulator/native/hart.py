"""The native engine: generated code for what is frequent, the reference for everything else.

Both work on one state.  Generated code returns before an instruction it cannot do; the reference
executes that one instruction, and generated code goes on after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from nexus.emulator.bus import Bus
from nexus.emulator.isa.cpu import RV64IMAC, Cpu
from nexus.emulator.memory import PAGE_BYTES, PAGE_SHIFT, Ram
from nexus.emulator.native import layout
from nexus.emulator.native.blob import unpack
from nexus.emulator.native.devices import DeviceHart
from nexus.emulator.native.mapping import (
    Code,
    Pool,
    Words,
    address_of,
    has_fused_unit,
    state_words,
)
from nexus.emulator.reference import state as s
from nexus.emulator.reference.chain import is_watched
from nexus.emulator.reference.mmu import FETCH, MARK_CODE
from nexus.emulator.reference.pmp import Entry
from nexus.emulator.reference.trap import TrapError

if TYPE_CHECKING:
    from nexus.emulator.native.translation import Found, TranslationSource
    from nexus.emulator.turn_words import TurnWords

_ALL_KINDS: Final = int.from_bytes(bytes([0xFF ^ layout.COVERED]) * layout.PAGE_SLOTS, "little")
_ACCESSES: Final = (layout.Exit.LOAD, layout.Exit.STORE)
_KEY_WORDS: Final = range(layout.KEYS, layout.KEYS + 2 * layout.BANK_COUNT, 2)


class NativeHart(DeviceHart):
    """A hart that runs mostly in generated code."""

    def __init__(
        self,
        ram: Ram,
        bus: Bus,
        entry: int,
        blob: bytes,
        translations: bytes | TranslationSource | None = None,
        cpu: Cpu = RV64IMAC,
    ) -> None:
        """Map the code and lay out its memory.

        Raises:
            BlobError: The blob or the translations are not for this version.
        """
        unpacked = unpack(blob)
        self._code = Code(unpacked)
        self._translations: TranslationSource | None = None
        if isinstance(translations, bytes):
            from nexus.emulator.native.translation import load_translations

            self._translations = load_translations(translations, unpacked.compiler)
        elif translations is not None:
            self._translations = translations
        self._words = state_words()
        super().__init__(ram, bus, entry, self._words.view, cpu)
        self._records = Pool((ram.size_bytes >> PAGE_SHIFT) * layout.RECORD_BYTES)
        self._protection = Words(3 * s.PMPADDR_COUNT)
        self._banks = Pool(layout.BANK_COUNT * layout.BANK_BYTES)
        self._undecoded = self._code.table.view[layout.UNDECODED].to_bytes(8, "little")
        self._pool = Pool(layout.POOL_PAGES * layout.DECODED_PAGE_BYTES)
        self._share_addresses(ram)
        self.state[layout.FRESH] = int(translations is not None)
        self.state[layout.ALONE] = 1
        self.state[layout.FUSED_UNIT] = int(cpu.has_float and has_fused_unit())
        self._record_words = memoryview(self._records.memory).cast("Q")
        # The translated regions of a page.
        self._regions: dict[int, list[Found]] = {}
        self._known_entries: tuple[Entry, ...] | None = None
        self._known_epoch = 0
        self._uart_output = bytearray(layout.UART_OUTPUT_BYTES)
        self.state[layout.UART_OUTPUT] = address_of(self._uart_output)
        self.mmu.on_change = self._drop_caches
        self._drop_caches()

    def _share_addresses(self, ram: Ram) -> None:
        """Give generated code the places of memory and of all that it shares with us."""
        for word, value in (
            (layout.RAM_HOST, address_of(ram.buffer)),
            (layout.RAM_BYTES, ram.size_bytes),
            (layout.MARKS, address_of(ram.marks)),
            (layout.RECORDS, self._records.start),
            (layout.PMP_ENTRIES, self._protection.address),
            (layout.POOL_NEXT, self._pool.start),
            (layout.POOL_END, self._pool.end),
            (layout.HANDLERS, self._code.table.address),
            (layout.BANKS, self._banks.start),
        ):
            self.state[word] = value

    def share_turns(self, words: TurnWords) -> None:
        """Let generated code change turns."""
        self._turn_words = words  # As long as generated code has its address.
        self.state[layout.TURNS] = address_of(words.memory)

    def load(self, address: int, size: int) -> int:
        """Load without caches of our own: generated code has them."""
        if (address & 4095) + size > 4096:
            return self.load_straddling(address, size)
        return self.load_uncached(address, size)

    def store(self, address: int, value: int, size: int) -> None:
        """Store without caches of our own."""
        if (address & 4095) + size > 4096:
            self.store_straddling(address, value, size)
        else:
            self.store_uncached(address, value & (1 << 8 * size) - 1, size)

    def _follow_mode(self) -> None:
        """Generated code finds its bank whenever it is entered."""

    def _advance(self) -> None:
        state = self.state
        if is_watched(state, self.ticks):
            self._step()
            return
        state[layout.TICKS_END] = self._end + state[s.IDLE]
        uart = self._uart
        if uart is not None:
            state[layout.UART_ROOM] = min(uart.quiet_room, layout.UART_OUTPUT_BYTES)
        state[layout.CUT] = 0
        self._code.enter(self._words.address, self._left)
        self._left = state[layout.LEFT]
        if state[layout.PMP_EPOCH] != self._known_epoch:
            self._follow_protection()
        cut = state[layout.CUT]
        self._end -= cut - (cut >> 63 << 64)
        if uart is not None and (count := state[layout.UART_COUNT]):
            state[layout.UART_COUNT] = 0
            uart.transmitted(bytes(self._uart_output[:count]))
        reason = state[layout.WHY]
        if reason == layout.Exit.SLOW and self._left:
            self._step()
        elif reason in _ACCESSES and self._left:
            self._access(is_store=reason == layout.Exit.STORE)
        elif reason == layout.Exit.BUDGET:
            if self._translations is not None:
                self._sample(self._translations)
        elif reason == layout.Exit.POOL:
            self._empty_pool()
        elif reason == layout.Exit.PAGE:
            self._translate_page(state[layout.FRESH_PAGE])
        elif reason == layout.Exit.TRAP:
            self._look_at_chain()
        elif reason == layout.Exit.REGION:
            first, length = state[layout.LOW], state[layout.HIGH]
            self._give_up_regions(state[layout.FRESH_PAGE], first, first + length - 1)
        elif reason == layout.Exit.STOPS:
            self._find_stops(state[layout.FRESH_PAGE])
        elif reason == layout.Exit.ATTEND:
            self._attend()
        elif reason == layout.Exit.WAIT:
            self.leave = True

    def _sample(self, source: TranslationSource) -> None:
        """A slice ends: say where, if that is easily found."""
        address = self.state[layout.PAGE_ADDRESS]
        if not self.state[s.WAITING] and self.state[s.PC] & ~4095 == address:
            ram_page = self.state[layout.CURRENT] - self.state[layout.RAM_HOST]
            content = self.ram.buffer[ram_page : ram_page + PAGE_BYTES]
            source.sample(content, self.state[s.PC] & 4095)

    def _translate_page(self, number: int) -> None:
        """Put what was translated of a page's present content into its slots."""
        assert self._translations is not None
        content = self.ram.buffer[number << PAGE_SHIFT : number + 1 << PAGE_SHIFT]
        place = self._record(number, 0) - self._pool.start
        found = self._usable(number, self._translations.find(content))
        for at, slot, *_ in found:
            self._pool.memory[place + at : place + at + layout.SLOT_BYTES] = slot
        if found:
            self._set_regions(number, list(found))
            self.ram.marks[number] |= MARK_CODE
            self._drop_caches()  # They may let stores to the page through.

    def _usable(self, number: int, found: Sequence[Found]) -> Sequence[Found]:
        """Return the usable parts of a page's translation: without an observer, no spare ones."""
        return [it for it in found if not it.is_spare]

    def _find_stops(self, number: int) -> None:
        """A page with stops is about to be executed; a hart that has stops overrides this."""

    def _give_up_regions(self, number: int, first: int, last: int) -> None:
        """The guest is about to write to what was translated: interpret it from now on."""
        place = self._record(number, 0) - self._pool.start
        kept = []
        for found in self._regions[number]:
            if any(start <= last and first < end for start, end in found.extents):
                self._pool.memory[place + found.place : place + found.place + 8] = self._undecoded
            else:
                kept.append(found)
        self._set_regions(number, kept)

    def _set_regions(self, number: int, regions: list[Found]) -> None:
        """Note which bytes of a page are translated: stores to them come to us first."""
        self._regions[number] = regions
        covered = bytearray(layout.PAGE_SLOTS)
        lines = 0
        for found in regions:
            for start, end in found.extents:
                covered[start >> 1 : end >> 1] = b"\1" * ((end >> 1) - (start >> 1))
                first, last = start >> layout.LINE_SHIFT, end - 1 >> layout.LINE_SHIFT
                lines |= (2 << last) - (1 << first)
        self._set_record(number, layout.RECORD_REGIONS, lines)
        place = self._record(number, 0) - self._pool.start
        end = place + layout.PAGE_SLOTS * layout.SLOT_BYTES
        places = slice(place + layout.SLOT_COVERED, end, layout.SLOT_BYTES)
        kinds = int.from_bytes(self._pool.memory[places], "little") & _ALL_KINDS
        bits = kinds | int.from_bytes(covered, "little")
        self._pool.memory[places] = bits.to_bytes(layout.PAGE_SLOTS, "little")

    def _record(self, number: int, field: int) -> int:
        return self._record_words[(number * layout.RECORD_BYTES + field) >> 3]

    def _set_record(self, number: int, field: int, value: int) -> None:
        self._record_words[(number * layout.RECORD_BYTES + field) >> 3] = value

    def _step(self) -> None:
        """Execute the instruction at pc in the reference."""
        state = self.state
        pc = state[s.PC]
        try:
            state[s.PC] = self._execute(pc)
        except TrapError as trap:
            self._trap(trap)
        self._left -= 1
        if self.attention or self.leave:
            self._attend()

    def _execute(self, pc: int) -> int:
        """Execute the instruction at an address; returns where to go on."""
        operation = self.fetch(pc, self.mmu.translate(pc, FETCH, 2))
        return operation[0](self, self.state, *operation[1:], pc)

    def _forget(self, page: int) -> None:
        """A page changed that code or translations of addresses were derived from."""
        decoded = self._record(page, 0)
        if decoded:
            place = decoded - self._pool.start
            free = self.state[layout.POOL_FREE]
            self._pool.memory[place : place + 8] = free.to_bytes(8, "little")
            self.state[layout.POOL_FREE] = decoded
        for field in (0, layout.RECORD_CODE, layout.RECORD_TABLES, layout.RECORD_REGIONS):
            self._set_record(page, field, 0)
        self._regions.pop(page, None)
        self._drop_caches()
        self.attention = True

    def _empty_pool(self) -> None:
        """Start decoding anew.  Marks may stay: an unneeded one costs one slow store."""
        for page in range(self.ram.size_bytes >> PAGE_SHIFT):
            if self._record(page, 0):
                for field in (0, layout.RECORD_CODE, layout.RECORD_REGIONS):
                    self._set_record(page, field, 0)
        self._regions.clear()
        self.state[layout.POOL_NEXT] = self._pool.start
        self.state[layout.POOL_FREE] = 0
        self._drop_caches()

    def _follow_protection(self) -> None:
        """Generated code has changed the protection of memory, and forgotten what depends on it."""
        self._known_epoch = self.state[layout.PMP_EPOCH]
        self.mmu.pmp.reload()
        self._known_entries = self.mmu.pmp.entries

    def _drop_caches(self) -> None:
        """Make every bank belong to no mode, so that it is emptied before it is used again."""
        state = self.state
        for word in _KEY_WORDS:
            state[word] = layout.NO_CONTEXT
        pmp = self.mmu.pmp
        if pmp.entries is not self._known_entries:
            self._known_entries = pmp.entries
            state[layout.PMP_OPEN] = pmp.open_modes
            state[layout.PMP_COUNT] = len(pmp.entries)
            state[layout.PMP_EPOCH] += 1
            self._known_epoch = state[layout.PMP_EPOCH]
            for index, entry in enumerate(pmp.entries):
                for field, value in enumerate((entry.start, entry.end, entry.config)):
                    self._protection.view[3 * index + field] = value
