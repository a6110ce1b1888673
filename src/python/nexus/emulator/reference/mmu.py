"""Address translation: walks of Sv39 and Sv48 that set A and D, and the caches of their results.

A `Context` holds everything derived for one way of looking at memory (privilege, address space,
SUM, MXR): page views for loads and stores, and compiled blocks by virtual address.  Switching back
to an earlier context finds its caches warm.  Coherence comes from `memory.Ram`: pages walked as
page tables are marked, and a store to one of them empties the caches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from nexus.emulator.memory import RAM_BASE, Ram
from nexus.emulator.reference.entry import Entry
from nexus.emulator.reference.pmp import EXECUTE, READ, WRITE, Pmp
from nexus.emulator.reference.state import (
    MACHINE,
    MSTATUS,
    PRIVILEGE,
    SATP,
    SUPERVISOR,
    USER,
    State,
)
from nexus.emulator.reference.trap import (
    MSTATUS_MPRV,
    MSTATUS_MXR,
    MSTATUS_SUM,
    Cause,
    TrapError,
)

LOAD, STORE, FETCH = READ, WRITE, EXECUTE

PAGE_FAULT: Final = {
    LOAD: Cause.LOAD_PAGE,
    STORE: Cause.STORE_PAGE,
    FETCH: Cause.INSTRUCTION_PAGE,
}
ACCESS_FAULT: Final = {
    LOAD: Cause.LOAD_ACCESS,
    STORE: Cause.STORE_ACCESS,
    FETCH: Cause.INSTRUCTION_ACCESS,
}

# Page table entry.
V, R, W, X, U, A, D = 1, 2, 4, 8, 16, 64, 128
PTE_HIGH: Final = 0x3FF << 54  # Svnapot, Svpbmt and reserved bits: not implemented, must be zero.
PPN: Final = (1 << 44) - 1

MARK_CODE: Final = 1
MARK_TABLE: Final = 2

# Contexts come and go with address spaces; a guest that never reuses one must not grow the host.
CONTEXTS_MAX: Final = 64

FORMATS: Final[dict[int, Literal["B", "H", "I", "Q", "b", "h", "i"]]] = {
    1: "B",
    2: "H",
    4: "I",
    8: "Q",
    -1: "b",
    -2: "h",
    -4: "i",
}


class BailError(Exception):
    """The fast path cannot do this access: device, fault, or a marked page."""


class PageViews(dict[int, memoryview]):
    """Virtual page number -> view of the page as words of one size; filled on first use."""

    __slots__ = ("_access", "_format", "_mmu")

    def __init__(self, mmu: Mmu, access: int, size: int) -> None:
        super().__init__()
        self._mmu = mmu
        self._access = access
        self._format = FORMATS[size]

    def __missing__(self, page: int) -> memoryview:
        view = self._mmu.page_view(page << 12, self._access).cast(self._format)
        self[page] = view
        return view


class Context:
    """The caches of one view of memory."""

    def __init__(self, mmu: Mmu) -> None:
        self.loads = {size: PageViews(mmu, LOAD, size) for size in FORMATS}
        self.stores = {size: PageViews(mmu, STORE, size) for size in (1, 2, 4, 8)}
        self.blocks: dict[int, Entry] = {}
        self.code_pages: dict[int, int] = {}  # Virtual page number -> physical address.
        self.namespace: dict[str, object] = {}  # For compiled blocks; filled on demand.

    def flush(self) -> None:
        """Forget everything."""
        for views in (*self.loads.values(), *self.stores.values()):
            views.clear()
        self.blocks.clear()
        self.code_pages.clear()

    def flush_stores(self) -> None:
        """Forget the right to store, after a page was marked."""
        for views in self.stores.values():
            views.clear()


class Mmu:
    """Translates for one hart."""

    def __init__(self, state: State, ram: Ram) -> None:
        self._state = state
        self._ram = ram
        self._view = memoryview(ram.buffer)
        self._contexts: dict[tuple[int, ...], Context] = {}
        self.pmp = Pmp(state)
        # Called when a page is marked or everything is flushed: another engine has caches too.
        self.on_change: Callable[[], None] = lambda: None

    def context(self) -> Context:
        """The caches for the hart's present mode."""
        privilege = self._state[PRIVILEGE]
        status = self._state[MSTATUS]
        data = privilege
        if status & MSTATUS_MPRV:
            data = status >> 11 & 3
        paged = privilege != MACHINE or data != MACHINE
        satp = self._state[SATP] if paged else 0
        key = (privilege, data, satp, status & (MSTATUS_SUM | MSTATUS_MXR) if paged else 0)
        context = self._contexts.get(key)
        if context is None:
            if len(self._contexts) == CONTEXTS_MAX:
                self._contexts.clear()
            context = self._contexts[key] = Context(self)
        return context

    def flush(self) -> None:
        """Forget every translation."""
        for context in self._contexts.values():
            context.flush()
        self.on_change()

    def pmp_changed(self) -> None:
        """Take over new PMP registers."""
        self.pmp.reload()
        self.flush()

    def mark(self, page: int, mark: int) -> None:
        """Mark a RAM page as remembered; stores to it take the slow path from now on."""
        if not self._ram.marks[page] & mark:
            self._ram.marks[page] |= mark
            for context in self._contexts.values():
                context.flush_stores()
            self.on_change()

    def page_view(self, address: int, access: int) -> memoryview:
        """View the RAM page behind a virtual address.

        Raises:
            BailError: There is no such page, or it may not be accessed without ceremony.
        """
        try:
            physical = self.translate(address, access, 1)
        except TrapError:
            raise BailError from None
        offset = physical - RAM_BASE
        if not 0 <= offset < self._ram.size_bytes or not self.pmp.is_uniform(physical):
            raise BailError
        if access == STORE and self._ram.marks[offset >> 12]:
            raise BailError
        return self._view[offset : offset + 4096]

    def translate(self, address: int, access: int, length: int) -> int:
        """Translate an access that lies within one page.

        Raises:
            TrapError: Page fault or access fault.
        """
        privilege = self._state[PRIVILEGE]
        status = self._state[MSTATUS]
        if access != FETCH and status & MSTATUS_MPRV:
            privilege = status >> 11 & 3
        physical = address
        if privilege != MACHINE and self._state[SATP] >> 60:
            physical = self._walk(address, access, privilege, status)
        if not self.pmp.allows(physical, length, access, privilege):
            raise TrapError(ACCESS_FAULT[access], address)
        return physical

    def _walk(self, address: int, access: int, privilege: int, status: int) -> int:
        """Sv39 and Sv48, privileged specification 4.3.2, 4.4.1 and 4.5.1."""
        fault = TrapError(PAGE_FAULT[access], address)
        satp = self._state[SATP]
        levels = levels_of(satp)
        if not is_canonical(address, levels):
            raise fault
        table = (satp & PPN) << 12
        for level in reversed(range(levels)):
            slot = table + ((address >> 12 + 9 * level & 511) << 3)
            if not self._ram.contains(slot, 8) or not self.pmp.allows(slot, 8, LOAD, SUPERVISOR):
                raise TrapError(ACCESS_FAULT[access], address)
            self.mark(slot - RAM_BASE >> 12, MARK_TABLE)
            entry = int.from_bytes(self._ram.read(slot, 8), "little")
            if not entry & V or entry & PTE_HIGH:
                raise fault
            if entry & (R | W | X):
                break
            if entry & (U | A | D):
                raise fault
            table = (entry >> 10 & PPN) << 12
        else:
            raise fault
        if not _permits(entry, access, privilege, status):
            raise fault
        below = (1 << 12 + 9 * level) - 1
        page = (entry >> 10 & PPN) << 12
        if page & below:
            raise fault  # Misaligned superpage.
        updated = entry | A | (D if access == STORE else 0)
        if updated != entry:
            if not self.pmp.allows(slot, 8, STORE, SUPERVISOR):
                raise TrapError(ACCESS_FAULT[access], address)
            # Not a change that anything remembered depends on: the mark stays.
            offset = slot - RAM_BASE
            self._ram.buffer[offset : offset + 8] = updated.to_bytes(8, "little")
        return page | address & below


def levels_of(satp: int) -> int:
    """Return the number of tables in a walk: modes 8 and 9 are Sv39 and Sv48."""
    return (satp >> 60) - 5


def is_canonical(address: int, levels: int) -> bool:
    """Whether the bits above those that are translated are copies of the highest of these."""
    bits = 11 + 9 * levels
    return address >> bits in (0, (1 << 64 - bits) - 1)


def _permits(entry: int, access: int, privilege: int, status: int) -> bool:
    """Whether a leaf entry permits an access."""
    if entry & (R | W) == W:
        return False  # Reserved combination.
    if entry & U:
        if privilege != USER and (access == FETCH or not status & MSTATUS_SUM):
            return False
    elif privilege == USER:
        return False
    if access == LOAD:
        return bool(entry & R or (entry & X and status & MSTATUS_MXR))
    return bool(entry & (W if access == STORE else X))
