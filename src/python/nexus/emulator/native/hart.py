"""The native engine: generated code for what is frequent, the reference for everything else.

Both work on one state.  Generated code returns before an instruction it cannot do; the reference
executes that one instruction, and generated code goes on after it.
"""

from __future__ import annotations

from typing import Final

from nexus.emulator.bus import Bus
from nexus.emulator.device.uart import Uart
from nexus.emulator.memory import PAGE_SHIFT, Ram
from nexus.emulator.native import layout
from nexus.emulator.native.blob import unpack
from nexus.emulator.native.mapping import Code, Pool, Words, address_of, state_words
from nexus.emulator.native.translation import Translations, load_translations
from nexus.emulator.reference import state as s
from nexus.emulator.reference.chain import is_watched
from nexus.emulator.reference.hart import Hart
from nexus.emulator.reference.mmu import FETCH
from nexus.emulator.reference.trap import TrapError

_KEY_WORDS: Final = range(layout.KEYS, layout.KEYS + 2 * layout.BANK_COUNT, 2)


class NativeHart(Hart):
    """A hart that runs mostly in generated code."""

    def __init__(
        self, ram: Ram, bus: Bus, entry: int, blob: bytes, translations: bytes | None = None
    ) -> None:
        """Map the code and lay out its memory.

        Raises:
            BlobError: The blob or the translations are not for this version.
        """
        unpacked = unpack(blob)
        self._code = Code(unpacked)
        self._translations: Translations | None = None
        if translations is not None:
            self._translations = load_translations(translations, unpacked.compiler)
        self._words = state_words()
        super().__init__(ram, bus, entry, self._words.view)
        self._pages = Words(ram.size_bytes >> 12)
        self._banks = Pool(layout.BANK_COUNT * layout.BANK_BYTES)
        self._pool = Pool(layout.POOL_PAGES * layout.DECODED_PAGE_BYTES)
        for word, value in (
            (layout.RAM_HOST, address_of(ram.buffer)),
            (layout.RAM_BYTES, ram.size_bytes),
            (layout.MARKS, address_of(ram.marks)),
            (layout.PAGES, self._pages.address),
            (layout.POOL_NEXT, self._pool.start),
            (layout.POOL_END, self._pool.end),
            (layout.HANDLERS, self._code.table.address),
            (layout.BANKS, self._banks.start),
            (layout.FRESH, int(translations is not None)),
        ):
            self.state[word] = value
        self._uart: Uart | None = None
        self._uart_output = bytearray(layout.UART_OUTPUT_BYTES)
        self.state[layout.UART_OUTPUT] = address_of(self._uart_output)
        self.mmu.on_change = self._drop_caches
        self._drop_caches()

    def share_uart(self, uart: Uart) -> None:
        """Let generated code read the line status and transmit; nobody else runs meanwhile."""
        self._uart = uart

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
            state[layout.UART_STATUS] = uart.line_status
            state[layout.UART_ROOM] = min(uart.quiet_room, layout.UART_OUTPUT_BYTES)
        self._code.enter(self._words.address, self._left)
        self._left = state[layout.LEFT]
        if uart is not None and (count := state[layout.UART_COUNT]):
            state[layout.UART_COUNT] = 0
            uart.transmitted(bytes(self._uart_output[:count]))
        reason = state[layout.WHY]
        if reason == layout.Exit.SLOW and self._left:
            self._step()
        elif reason == layout.Exit.POOL:
            self._empty_pool()
        elif reason == layout.Exit.PAGE:
            self._translate_page(state[layout.FRESH_PAGE])

    def _translate_page(self, number: int) -> None:
        """Put what was translated of a page's present content into its slots."""
        assert self._translations is not None
        content = self.ram.buffer[number << PAGE_SHIFT : number + 1 << PAGE_SHIFT]
        place = self._pages.view[number] - self._pool.start
        for slot, entry in self._translations.find(content):
            self._pool.memory[place + slot : place + slot + layout.SLOT_BYTES] = entry

    def _step(self) -> None:
        """Execute the instruction at pc in the reference."""
        state = self.state
        pc = state[s.PC]
        try:
            operation = self.fetch(pc, self.mmu.translate(pc, FETCH, 2))
            state[s.PC] = operation[0](self, state, *operation[1:], pc)
        except TrapError as trap:
            self._trap(trap)
        self._left -= 1
        if self.attention or self.leave:
            self._attend()

    def _forget(self, page: int) -> None:
        self._pages.view[page] = 0  # The decoded page is lost until the pool is emptied.
        self._drop_caches()
        self.attention = True

    def _empty_pool(self) -> None:
        """Start decoding anew.  Marks may stay: an unneeded one costs one slow store."""
        for page in range(len(self._pages.view)):
            self._pages.view[page] = 0
        self.state[layout.POOL_NEXT] = self._pool.start
        self._drop_caches()

    def _drop_caches(self) -> None:
        """Make every bank belong to nobody, so that it is emptied before it is used again."""
        for word in _KEY_WORDS:
            self.state[word] = layout.NO_CONTEXT
        self.state[layout.PMP_OPEN] = self.mmu.pmp.open_modes
