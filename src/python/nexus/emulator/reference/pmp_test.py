import pytest

from nexus.emulator.reference import state as s
from nexus.emulator.reference.pmp import EXECUTE, READ, WRITE, Pmp

USER, MACHINE = s.USER, s.MACHINE
RWX = READ | WRITE | EXECUTE
NAPOT, NA4, TOR, LOCK = 0x18, 0x10, 0x08, 0x80


def make(*entries: tuple[int, int]) -> Pmp:
    """Entries as (configuration, address register)."""
    state = [0] * s.STATE_WORDS
    for index, (config, address) in enumerate(entries):
        state[s.PMPCFG0] |= config << 8 * index
        state[s.PMPADDR0 + index] = address
    return Pmp(state)


@pytest.mark.parametrize(
    ("entries", "address", "length", "access", "expected"),
    [
        pytest.param((), 0x8000_0000, 4, READ, False, id="nothing configured"),
        pytest.param(((NAPOT | RWX, (1 << 54) - 1),), 0, 8, WRITE, True, id="everything"),
        pytest.param(((NAPOT | READ, 0x2000_01FF),), 0x8000_0FF8, 8, READ, True, id="last word"),
        pytest.param(((NAPOT | READ, 0x2000_01FF),), 0x8000_1000, 8, READ, False, id="past it"),
        pytest.param(((NAPOT | READ, 0x2000_01FF),), 0x8000_0000, 8, WRITE, False, id="read only"),
        pytest.param(((NA4 | READ, 0x2000_0001),), 0x8000_0004, 4, READ, True, id="four bytes"),
        pytest.param(((NA4 | READ, 0x2000_0001),), 0x8000_0004, 8, READ, False, id="half inside"),
        pytest.param(((TOR | READ, 0x100),), 0x3FC, 4, READ, True, id="from zero"),
        pytest.param(((0, 0x100), (TOR | READ, 0x200)), 0x3FC, 4, READ, False, id="below TOR"),
        pytest.param(
            ((0, 0x40), (TOR, 0x40), (TOR, 0x20), (NAPOT | RWX, (1 << 54) - 1)),
            0xFA,
            8,
            READ,
            True,
            id="an empty TOR in the midst of an access",
        ),
        pytest.param(
            ((NA4, 0x40), (NAPOT | RWX, (1 << 54) - 1)), 0x100, 4, READ, False, id="first wins"
        ),
    ],
)
def test_entries_decide_an_access_from_user_mode(
    entries: tuple[tuple[int, int], ...], address: int, length: int, access: int, expected: bool
) -> None:
    assert make(*entries).allows(address, length, access, USER) is expected


def test_machine_mode_is_bound_by_locked_entries_only() -> None:
    entry = (NA4 | READ, 0x40)
    assert make(entry).allows(0x100, 4, WRITE, MACHINE)
    locked = make((LOCK | entry[0], entry[1]))
    assert not locked.allows(0x100, 4, WRITE, MACHINE)
    assert locked.allows(0x104, 4, WRITE, MACHINE)


def test_open_modes_tell_engines_when_not_to_ask() -> None:
    everything = (NAPOT | RWX, (1 << 54) - 1)
    assert make().open_modes == 1
    assert make(everything).open_modes == 3
    assert make((NAPOT, 0x2000_01FF), everything).open_modes == 1
    # Machine mode too is refused what lies partly inside of an entry.
    assert make((NA4, 0x40), everything).open_modes == 0
    assert not make((NA4, 0x40), everything).allows(0xFC, 8, READ, MACHINE)
    assert make((LOCK | everything[0], everything[1])).open_modes == 2


def test_a_page_is_uniform_unless_an_entry_ends_inside() -> None:
    pmp = make((NAPOT | READ, 0x2000_01FF), (NA4 | READ, 0x2000_0801))
    assert pmp.is_uniform(0x8000_0000)
    assert pmp.is_uniform(0x8000_1000)
    assert not pmp.is_uniform(0x8000_2000)
