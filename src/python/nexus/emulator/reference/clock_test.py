"""The clock of a hart: which line is up, when the next one goes up, and what a write changes."""

from __future__ import annotations

import pytest

from nexus.emulator.program_support import boot
from nexus.emulator.reference import state as s
from nexus.emulator.reference.clock import CLOCK_NEAR, MTIP
from nexus.emulator.reference.hart import Hart
from nexus.emulator.reference.trap import MENVCFG_STCE, STIP

NEVER = (1 << 64) - 1
BOTH = MTIP | STIP


def hart_at(ticks: int) -> Hart:
    """A hart that has run for so many ticks, ten of which are one of its clock's."""
    machine = boot("loop: j loop")
    machine.run(10 * ticks)
    hart = machine.hart
    assert isinstance(hart, Hart)
    assert hart.ticks == ticks
    return hart


def prepare(hart: Hart, machine: int, supervisor: int, enabled: int, *, has_own: bool) -> None:
    """Set both comparators, which are enabled, and whether the supervisor has one."""
    state = hart.state
    state[s.MTIMECMP], state[s.STIMECMP], state[s.MIE] = machine, supervisor, enabled
    state[s.MENVCFG] = MENVCFG_STCE if has_own else 0


@pytest.mark.parametrize(
    ("machine", "supervisor", "has_own", "lines"),
    [
        (3, 3, True, 0),
        (2, 3, True, MTIP),
        (3, 2, True, STIP),
        (3, 2, False, 0),
        (2, 2, True, BOTH),
        (0, 0, False, MTIP),
    ],
)
def test_a_line_is_up_from_the_instant_of_its_comparator_on(
    machine: int, supervisor: int, has_own: bool, lines: int
) -> None:
    hart = hart_at(25)
    assert hart.mtime == 2
    for other in (0, 1 << 9):
        prepare(hart, machine, supervisor, 0, has_own=has_own)
        hart.state[s.MIP_LINE] = BOTH | other
        hart.update_timers()
        assert hart.state[s.MIP_LINE] == lines | other


@pytest.mark.parametrize(
    ("machine", "supervisor", "enabled", "has_own", "when", "of_all"),
    [
        (7, 5, BOTH, True, 50, 50),
        (7, 9, BOTH, True, 70, 70),
        (7, 5, BOTH, False, 70, 70),
        (7, 5, MTIP, True, 70, 50),
        (7, 5, STIP, True, 50, 50),
        (7, 5, STIP, False, None, 70),
        (7, 5, 0, True, None, 50),
        (3, NEVER, BOTH, True, 30, 30),
        (2, 5, BOTH, True, 50, 50),
        (2, 2, BOTH, True, None, None),
        (NEVER, NEVER, BOTH, True, None, None),
        (NEVER - 1, NEVER, BOTH, True, 10 * (NEVER - 1), 10 * (NEVER - 1)),
    ],
)
def test_the_next_line_goes_up_at_the_nearest_comparator(
    machine: int,
    supervisor: int,
    enabled: int,
    has_own: bool,
    when: int | None,
    of_all: int | None,
) -> None:
    hart = hart_at(25)
    prepare(hart, machine, supervisor, enabled, has_own=has_own)
    assert hart.next_timer_ticks(enabled_only=True) == when
    assert hart.next_timer_ticks(enabled_only=False) == of_all


def test_near_the_end_of_the_clock_never_is_an_instant_and_the_clock_wraps() -> None:
    hart = hart_at(25)
    for left, is_near in ((CLOCK_NEAR + 1, False), (CLOCK_NEAR, True), (1, True)):
        hart.set_mtime(NEVER - left)
        prepare(hart, NEVER, NEVER, MTIP, has_own=False)
        assert hart.mtime == NEVER - left
        found = (
            hart.next_timer_ticks(enabled_only=True),
            hart.next_timer_ticks(enabled_only=False),
        )
        assert found == ((20 + 10 * left,) * 2 if is_near else (None, None))
    prepare(hart, 0, 0, MTIP, has_own=False)
    assert hart.next_timer_ticks(enabled_only=True) is None
    assert hart.next_timer_ticks(enabled_only=False) == 20 + 10 * 2


@pytest.mark.parametrize("value", [0, 1, 6, 7, 8, NEVER])
def test_a_clock_that_is_set_moves_its_lines_at_once_and_goes_on(value: int) -> None:
    hart = hart_at(29)
    prepare(hart, 7, 7, 0, has_own=True)
    hart.state[s.MIP_LINE] = 0
    hart.leave = False
    hart.set_mtime(value)
    assert (hart.mtime, hart.leave) == (value, True)
    assert hart.state[s.MIP_LINE] == (BOTH if value >= 7 else 0)
    hart.run(1)
    assert hart.mtime == (value + 1) % (1 << 64)


def test_a_line_of_a_device_is_one_bit_and_is_looked_at() -> None:
    hart = hart_at(1)
    hart.state[s.MIP_LINE] = 0x0F0
    for bit, is_high, lines in (
        (9, True, 0x2F0),
        (9, True, 0x2F0),
        (9, False, 0x0F0),
        (4, False, 0xE0),
    ):
        hart.attention = False
        hart.set_line(bit, is_high)
        assert (hart.state[s.MIP_LINE], hart.attention) == (lines, True)


@pytest.mark.parametrize(
    ("soft", "lines", "enabled", "wakes"),
    [
        (0, 8, 8, True),
        (2, 0, 2, True),
        (2, 8, 0x200, False),
        (0, 0, NEVER, False),
        (2, 8, 0, False),
    ],
)
def test_what_is_pending_and_enabled_ends_a_wait_whatever_the_mode(
    soft: int, lines: int, enabled: int, wakes: bool
) -> None:
    hart = hart_at(1)
    hart.state[s.MIP_SOFT], hart.state[s.MIP_LINE], hart.state[s.MIE] = soft, lines, enabled
    assert hart.has_wakeup is wakes
