"""Sv39 by itself: entries that our own guest never writes, and which mode may use a page."""

from __future__ import annotations

import pytest

from nexus.emulator.memory import RAM_BASE, Ram
from nexus.emulator.reference import state as s
from nexus.emulator.reference.mmu import FETCH, LOAD, STORE, A, BailError, D, Mmu, R, U, V, W, X
from nexus.emulator.reference.trap import (
    MSTATUS_MPRV,
    MSTATUS_MXR,
    MSTATUS_SUM,
    TrapError,
    return_from_machine,
    return_from_supervisor,
)

ROOT, MIDDLE, LAST = RAM_BASE + 0x1000, RAM_BASE + 0x2000, RAM_BASE + 0x3000
LEAF = V | R | W | X | A | D
TABLE = V
# Faults by access, as mcause has them.
PAGE = {LOAD: 13, STORE: 15, FETCH: 12}


def entry(physical: int, flags: int) -> int:
    return physical >> 12 << 10 | flags


def make(root: int = 0, middle: int = 0, last: int = 0) -> tuple[Mmu, list[int], Ram]:
    """The first entry of each of three tables; supervisor mode, everything open in PMP."""
    state = [0] * s.STATE_WORDS
    state[s.PRIVILEGE] = s.SUPERVISOR
    state[s.SATP] = 8 << 60 | ROOT >> 12
    state[s.PMPCFG0], state[s.PMPADDR0] = 0x1F, (1 << 54) - 1
    ram = Ram(1 << 20)
    for table, value in ((ROOT, root), (MIDDLE, middle), (LAST, last)):
        ram.write(table, value.to_bytes(8, "little"))
    mmu = Mmu(state, ram)
    return mmu, state, ram


def cause_of(mmu: Mmu, access: int, address: int = 0x123) -> int | None:
    """The cause of the trap, or None if it is permitted; -1: it names another address."""
    try:
        mmu.translate(address, access, 1)
    except TrapError as exc:
        return exc.cause if exc.value == address else -1
    return None


TO_MIDDLE, TO_LAST = entry(MIDDLE, TABLE), entry(LAST, TABLE)
SMALL = entry(RAM_BASE + 0x5000, LEAF)
MEGA = entry(RAM_BASE, LEAF)
GIGA = entry(RAM_BASE, LEAF)


@pytest.mark.parametrize(
    ("tables", "address", "expected"),
    [
        ((TO_MIDDLE, TO_LAST, SMALL), 0x123, RAM_BASE + 0x5123),
        ((TO_MIDDLE, MEGA), 0x1F_F123, RAM_BASE + 0x1F_F123),
        ((GIGA,), 0x3FFF_F123, RAM_BASE + 0x3FFF_F123),
    ],
)
def test_pages_of_every_size(tables: tuple[int, ...], address: int, expected: int) -> None:
    mmu, _, _ = make(*tables)
    for access in (LOAD, STORE, FETCH):
        assert mmu.translate(address, access, 1) == expected


@pytest.mark.parametrize("access", [LOAD, STORE, FETCH])
@pytest.mark.parametrize(
    "tables",
    [
        *(pytest.param((TO_MIDDLE, MEGA | 1 << 10 + bit), id=f"mega {bit}") for bit in (0, 8)),
        *(pytest.param((GIGA | 1 << 10 + bit,), id=f"giga {bit}") for bit in (0, 8, 9, 17)),
    ],
)
def test_a_superpage_that_is_not_aligned_is_a_page_fault(
    tables: tuple[int, ...], access: int
) -> None:
    mmu, _, _ = make(*tables)
    assert cause_of(mmu, access) == PAGE[access]


@pytest.mark.parametrize("access", [LOAD, STORE, FETCH])
@pytest.mark.parametrize("flag", [U, A, D])
def test_user_accessed_and_dirty_are_reserved_in_an_entry_that_is_no_leaf(
    flag: int, access: int
) -> None:
    for tables in (
        (TO_MIDDLE | flag, TO_LAST, SMALL),
        (TO_MIDDLE, TO_LAST | flag, SMALL),
    ):
        mmu, _, _ = make(*tables)
        assert cause_of(mmu, access) == PAGE[access]


@pytest.mark.parametrize(
    "tables",
    [
        pytest.param((), id="nothing in the root"),
        pytest.param((TO_MIDDLE & ~V, TO_LAST, SMALL), id="not valid"),
        pytest.param((TO_MIDDLE, TO_LAST, SMALL & ~V), id="a leaf that is not valid"),
        pytest.param((TO_MIDDLE, TO_LAST, TO_LAST), id="a table below the last one"),
        pytest.param((TO_MIDDLE, TO_LAST, entry(RAM_BASE, V | W | A | D)), id="W without R"),
        pytest.param((TO_MIDDLE, TO_LAST, entry(RAM_BASE, V | W | X | A | D)), id="W and X"),
        pytest.param((TO_MIDDLE, TO_LAST, SMALL | 1 << 54), id="reserved"),
        pytest.param((TO_MIDDLE, TO_LAST, SMALL | 1 << 63), id="Svnapot"),
        pytest.param((TO_MIDDLE | 1 << 54, TO_LAST, SMALL), id="reserved, no leaf"),
    ],
)
def test_entries_that_are_none(tables: tuple[int, ...]) -> None:
    mmu, _, _ = make(*tables)
    for access in (LOAD, STORE, FETCH):
        assert cause_of(mmu, access) == PAGE[access]


@pytest.mark.parametrize("address", [1 << 38, 1 << 39, 1 << 63, (1 << 64) - (1 << 38) - 1])
def test_an_address_whose_upper_bits_differ_is_a_page_fault(address: int) -> None:
    mmu, _, _ = make(GIGA)
    assert cause_of(mmu, LOAD, address) == 13


def test_the_last_address_on_either_side_is_translated() -> None:
    mmu, _, ram = make()
    for slot, address in ((255, (1 << 38) - 1), (256, (1 << 64) - (1 << 38)), (511, (1 << 64) - 1)):
        ram.write(ROOT + 8 * slot, GIGA.to_bytes(8, "little"))
        assert mmu.translate(address, LOAD, 1) == RAM_BASE + (address & (1 << 30) - 1)


@pytest.mark.parametrize(
    ("access", "before", "after"),
    [(LOAD, 0, A), (FETCH, 0, A), (STORE, 0, A | D), (LOAD, A, A), (STORE, A, A | D)],
)
def test_only_a_leaf_is_marked_as_used(access: int, before: int, after: int) -> None:
    flags = V | R | W | X
    mmu, _, ram = make(TO_MIDDLE, TO_LAST, entry(RAM_BASE, flags | before))
    mmu.translate(0, access, 1)
    assert ram.read(LAST, 8) == entry(RAM_BASE, flags | after).to_bytes(8, "little")
    assert ram.read(ROOT, 8) == TO_MIDDLE.to_bytes(8, "little")
    assert ram.read(MIDDLE, 8) == TO_LAST.to_bytes(8, "little")


def test_a_refused_access_marks_nothing() -> None:
    mmu, _, ram = make(TO_MIDDLE, TO_LAST, entry(RAM_BASE, V | R))
    assert cause_of(mmu, STORE) == 15
    assert ram.read(LAST, 8) == entry(RAM_BASE, V | R).to_bytes(8, "little")


@pytest.mark.parametrize(
    ("flags", "privilege", "status", "allowed"),
    [
        (R | W | X | U, s.USER, 0, {LOAD, STORE, FETCH}),
        (R | W | X, s.USER, MSTATUS_SUM | MSTATUS_MXR, set()),
        (R | W | X, s.SUPERVISOR, 0, {LOAD, STORE, FETCH}),
        (R | W | X | U, s.SUPERVISOR, 0, set()),
        (R | W | X | U, s.SUPERVISOR, MSTATUS_SUM, {LOAD, STORE}),
        (X, s.SUPERVISOR, 0, {FETCH}),
        (X, s.SUPERVISOR, MSTATUS_MXR, {LOAD, FETCH}),
        (X | U, s.SUPERVISOR, MSTATUS_MXR, set()),
        (X | U, s.USER, MSTATUS_MXR, {LOAD, FETCH}),
        (R, s.SUPERVISOR, MSTATUS_MXR, {LOAD}),
        (R | X, s.SUPERVISOR, 0, {LOAD, FETCH}),
    ],
)
def test_who_may_do_what(flags: int, privilege: int, status: int, allowed: set[int]) -> None:
    mmu, state, _ = make(TO_MIDDLE, TO_LAST, entry(RAM_BASE, V | A | D | flags))
    state[s.PRIVILEGE], state[s.MSTATUS] = privilege, status
    assert {access for access in (LOAD, STORE, FETCH) if cause_of(mmu, access) is None} == allowed


def test_mprv_borrows_for_data_alone_and_ends_with_a_return_below_machine_mode() -> None:
    mmu, state, _ = make(TO_MIDDLE, TO_LAST, entry(RAM_BASE + 0x5000, V | R | W | X | U | A | D))
    state[s.PRIVILEGE], state[s.MSTATUS] = s.MACHINE, MSTATUS_MPRV | s.USER << 11
    assert mmu.translate(0x123, LOAD, 1) == RAM_BASE + 0x5123
    assert mmu.translate(RAM_BASE, FETCH, 1) == RAM_BASE
    # A return to machine mode keeps it, with the MPP that it leaves: user mode.
    state[s.MSTATUS] = MSTATUS_MPRV | s.MACHINE << 11
    return_from_machine(state)
    assert state[s.MSTATUS] & MSTATUS_MPRV
    assert state[s.PRIVILEGE] == s.MACHINE
    assert mmu.translate(0x123, LOAD, 1) == RAM_BASE + 0x5123
    for mode in (s.USER, s.SUPERVISOR):
        state[s.PRIVILEGE], state[s.MSTATUS] = s.MACHINE, MSTATUS_MPRV | mode << 11
        return_from_machine(state)
        assert not state[s.MSTATUS] & MSTATUS_MPRV
        assert state[s.PRIVILEGE] == mode
    state[s.MSTATUS] = MSTATUS_MPRV | 1 << 8
    return_from_supervisor(state)
    assert not state[s.MSTATUS] & MSTATUS_MPRV


def test_a_table_that_pmp_hides_is_an_access_fault() -> None:
    mmu, state, _ = make(TO_MIDDLE, TO_LAST, SMALL)
    state[s.PMPADDR0 + 1] = (1 << 54) - 1
    state[s.PMPADDR0] = MIDDLE >> 2 | 0x1FF
    state[s.PMPCFG0] = 0x1F << 8 | 0x18
    mmu.pmp_changed()
    assert [cause_of(mmu, access) for access in (LOAD, STORE, FETCH)] == [5, 7, 1]


def test_new_protection_forgets_what_was_remembered_and_says_so() -> None:
    mmu, state, _ = make(root=entry(RAM_BASE, LEAF))
    context = mmu.context()
    assert context.loads[8][5] is context.loads[8][5]
    context.stores[4][5][0] = 7
    context.code_pages[5] = 1
    changes: list[None] = []
    mmu.on_change = lambda: changes.append(None)
    state[s.PMPCFG0] = 0
    mmu.pmp_changed()
    assert len(changes) == 1
    remembered = (*context.loads.values(), *context.stores.values())
    assert [len(views) for views in remembered] == [0] * len(remembered)
    assert (context.blocks, context.code_pages) == ({}, {})
    with pytest.raises(BailError):
        context.loads[8][5]


def test_a_marked_page_is_stored_to_slowly_and_said_once() -> None:
    mmu, _, ram = make(root=entry(RAM_BASE, LEAF))
    context = mmu.context()
    context.stores[8][6][0] = 9
    assert context.loads[8][6][0] == 9
    changes: list[None] = []
    mmu.on_change = lambda: changes.append(None)
    for mark, count in ((1, 1), (1, 1), (2, 2), (1, 2)):
        mmu.mark(6, mark)
        assert len(changes) == count
    assert ram.marks[6] == 3
    assert list(context.stores[8]) == []
    assert list(context.loads[8]) == [6], "loads may stay"
    with pytest.raises(BailError):
        context.stores[8][6]
    context.stores[8][7][0] = 1


def test_each_mode_has_its_own_caches_and_few_of_them_are_kept() -> None:
    mmu, state, _ = make(root=entry(RAM_BASE, LEAF))
    first = mmu.context()
    assert mmu.context() is first
    state[s.MSTATUS] = MSTATUS_SUM
    assert mmu.context() is not first
    state[s.MSTATUS] = 0
    assert mmu.context() is first
    state[s.PRIVILEGE] = s.MACHINE
    bare = mmu.context()
    state[s.SATP] += 1
    state[s.MSTATUS] = MSTATUS_SUM | MSTATUS_MXR
    assert mmu.context() is bare, "what does not count in machine mode makes no difference"
    state[s.MSTATUS] = MSTATUS_MPRV | s.SUPERVISOR << 11
    assert mmu.context() is not bare
