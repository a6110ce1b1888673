"""The native engine, reporting to an observer; with translations, the translated one.

Between stops it is as quick as without an observer.  Where one could be, generated code leaves the
instruction to Python (`stops.py`), which stops or executes it as the reference does.  So do traps
and interrupts while an observer listens to them.  An observer of every instruction gets them one by
one, from Python.

What the observer asks for is looked at whenever the hart is run.  A page of RAM whose stops have
changed is forgotten: it is decoded anew, with those of its translated regions that have no stop, or
look for it (`guarded.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from nexus.emulator.bus import Bus
from nexus.emulator.isa.cpu import Cpu
from nexus.emulator.memory import PAGE_BYTES, PAGE_SHIFT, Ram
from nexus.emulator.native import layout
from nexus.emulator.native.hart import NativeHart
from nexus.emulator.native.mapping import Words
from nexus.emulator.native.translation import Found, TranslationSource
from nexus.emulator.observe import Observer, ObservingHart, Watch
from nexus.emulator.reference import state as s
from nexus.emulator.reference.mmu import FETCH

_M64: Final = (1 << 64) - 1

# Pages of RAM with stops that are remembered: a stop has one for each page of RAM that its virtual
# page has been.  When there are more, they are all found anew.
_FRAMES_MAX: Final = 4096


class ObservedNativeHart(ObservingHart, NativeHart):
    """Generated code that stops where an observer wants."""

    def __init__(
        self,
        ram: Ram,
        bus: Bus,
        entry: int,
        observer: Observer,
        blob: bytes,
        translations: bytes | TranslationSource | None,
        cpu: Cpu,
    ) -> None:
        """Map the code; nothing is looked for yet.

        Raises:
            BlobError: The blob or the translations are not for this version.
        """
        self.observer = observer
        self._breakpoints: frozenset[int] = frozenset()
        self._watches: tuple[Watch, ...] = ()
        self._pages: tuple[int, ...] = ()  # Virtual ones with stops, in the order of the table.
        self._frames: dict[int, set[int]] = {}  # Page of RAM to the offsets of its stops.
        self._tables: dict[int, Words] = {}  # By the state word that has the address.
        super().__init__(ram, bus, entry, blob, translations, cpu)

    def run(self, budget: int) -> int:
        """Execute up to `budget` steps, with what the observer asks for now."""
        observer = self.observer
        self.state[layout.REPORTS] = int(observer.on_trap is not None)
        if observer.breakpoints != self._breakpoints:
            self._set_breakpoints(frozenset(observer.breakpoints))
        if tuple(observer.watches) != self._watches:
            self._set_watches(tuple(observer.watches))
        return super().run(budget)

    def _advance(self) -> None:
        if self.observer.on_instruction is None:
            super()._advance()
        else:
            self._step()

    def _step(self) -> None:
        if not self._stops_here():
            super()._step()

    def _access(self, *, is_store: bool) -> None:
        """Have it reported as any other instruction that Python executes."""
        self._step()

    def _execute(self, pc: int) -> int:
        observer = self.observer
        if observer.on_instruction is None:
            return super()._execute(pc)
        operation = self.fetch(pc, self.mmu.translate(pc, FETCH, 2))
        observer.on_instruction(pc)
        return operation[0](self, self.state, *operation[1:], pc)

    # -- Data ------------------------------------------------------------------------------------

    def _set_watches(self, watches: tuple[Watch, ...]) -> None:
        self._watches = watches
        wanted = [watch for watch in watches if watch.length]
        self._set_table(
            layout.WATCHES,
            (
                word
                for watch in wanted
                for word in (
                    watch.address,
                    min(watch.address + watch.length - 1, _M64),
                    watch.access,
                )
            ),
        )
        self.state[layout.WATCH_COUNT] = len(wanted)
        self._drop_caches()  # They have windows that cover them.

    # -- Code ------------------------------------------------------------------------------------

    def _set_breakpoints(self, breakpoints: frozenset[int]) -> None:
        self._breakpoints = breakpoints
        self._pages = tuple(sorted({address >> PAGE_SHIFT for address in breakpoints}))
        self._set_table(layout.STOPS, sorted(breakpoints))
        self.state[layout.STOP_COUNT] = len(breakpoints)
        self._find_anew()

    def _find_anew(self) -> None:
        """Forget where in RAM the stops are: generated code asks before it goes to their pages."""
        pages = [word for page in self._pages for word in (page, _M64)]
        self._set_table(layout.STOP_PAGES, pages)
        self.state[layout.STOP_PAGE_COUNT] = len(self._pages)
        frames, self._frames = self._frames, {}
        for word in range(layout.STOP_BIT_WORDS):
            self.state[layout.STOP_BITS + word] = 0
        self._set_places()
        for frame in frames:
            self._forget(frame)
        self._drop_caches()  # They have ways to the pages that have stops now.

    def _find_stops(self, number: int) -> None:
        """The page of pc, which has stops, turns out to be this page of RAM."""
        if len(self._frames) >= _FRAMES_MAX:
            self._find_anew()
        page = self.state[s.PC] >> PAGE_SHIFT
        self._tables[layout.STOP_PAGES].view[2 * self._pages.index(page) + 1] = number
        stops = {
            address & PAGE_BYTES - 1
            for address in self._breakpoints
            if address >> PAGE_SHIFT == page
        }
        known = self._frames.setdefault(number, set())
        if not stops <= known:
            known |= stops
            self._set_places()
            self._forget(number)

    def _set_places(self) -> None:
        places = [
            frame << PAGE_SHIFT | offset
            for frame, offsets in self._frames.items()
            for offset in sorted(offsets)
        ]
        self._set_table(layout.STOP_PLACES, places)
        self.state[layout.STOP_PLACE_COUNT] = len(places)

    def _usable(self, number: int, found: Sequence[Found]) -> Sequence[Found]:
        """Leave out the regions that have a stop where they do not look for one.

        What is spare takes their places.
        """
        stops = self._frames.get(number)
        if not stops:
            return super()._usable(number, found)
        kept: dict[int, Found] = {}
        for region in sorted(found, key=lambda it: it.is_spare):
            within = {stop for stop in stops if _hold(region.extents, stop)}
            blocks = [block for block in region.guarded if _hold((block,), *within)]
            if region.place in kept or not all(_hold(blocks, stop) for stop in within):
                continue
            for start, _ in blocks:
                word, bit = divmod(start >> 1, 64)
                self.state[layout.STOP_BITS + word] |= 1 << bit
            # A block that is entered by its own slot does not look.
            if 2 * region.place // layout.SLOT_BYTES not in dict(blocks):
                kept[region.place] = region
        return list(kept.values())

    def _set_table(self, word: int, values: Iterable[int]) -> None:
        """Put values where generated code finds them, by the address in a state word."""
        content = list(values)
        table = Words(max(len(content), 1))
        for index, value in enumerate(content):
            table.view[index] = value
        self._tables[word] = table
        self.state[word] = table.address


def _hold(ranges: Iterable[tuple[int, int]], *stops: int) -> bool:
    """True if one of these half-open ranges has one of these stops."""
    return any(start <= stop < end for start, end in ranges for stop in stops)
