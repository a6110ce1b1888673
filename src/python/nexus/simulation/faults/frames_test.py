"""Each fault of frames alone, in its time and not outside, and independent of the others."""

from __future__ import annotations

import pytest

from nexus.core.randomness import ALWAYS, NEVER, KeyedRandom, Ratio
from nexus.simulation.faults.fault import Chance, Fault, Happened
from nexus.simulation.faults.frames import befall, flip_bit

FRAME = bytes(range(200))
HALF = Ratio(1, 2)


def chance(
    kind: str, ratio: Ratio = NEVER, amount: int = 0, *, only: frozenset[int] | None = None
) -> tuple[Chance, list[Happened]]:
    """A fault of the path A>B from 100 to 200 ns, and what happens of it."""
    happened: list[Happened] = []
    fault = Fault(kind, "A>B", 0, 100, 200, ratio, amount)
    return Chance(fault, KeyedRandom(7), happened, only), happened


@pytest.mark.parametrize(
    ("kind", "amount", "arrivals"),
    [
        ("loss", 0, []),
        ("one-way", 0, []),
        ("partition", 0, []),
        ("link-down", 0, []),
        ("mtu", 199, []),
        ("mtu", 200, [0]),
        ("delay", 30, [30_000]),
        ("duplicate", 0, [0, None]),
        ("corrupt", 0, [0]),
        ("reorder", 50, [None]),
    ],
)
def test_a_fault_alone_decides_a_frame_s_fate(
    kind: str, amount: int, arrivals: list[int | None]
) -> None:
    fault, happened = chance(kind, ALWAYS, amount)
    fate = befall([fault], FRAME, 3, 150)
    late = [late_ns for late_ns, _ in fate.copies]
    assert len(late) == len(arrivals)
    for found, expected in zip(late, arrivals, strict=True):
        assert found == expected if expected is not None else 0 < found <= 20_000_000
    is_hit = kind != "mtu" or amount < len(FRAME)
    assert (fate.kinds == (kind,)) is is_hit
    assert len(happened) == is_hit


@pytest.mark.parametrize("now_ns", [99, 200])
def test_nothing_happens_outside_of_its_time(now_ns: int) -> None:
    for kind in ("loss", "one-way", "delay", "corrupt", "reorder", "duplicate", "link-down"):
        fault, happened = chance(kind, ALWAYS, 100)
        assert befall([fault], FRAME, 0, now_ns).copies == ((0, FRAME),)
        assert happened == []


def test_a_bit_of_a_damaged_frame_is_another() -> None:
    fault, _ = chance("corrupt", ALWAYS)
    ((_, data),) = befall([fault], FRAME, 0, 150).copies
    assert (int.from_bytes(data, "big") ^ int.from_bytes(FRAME, "big")).bit_count() == 1


def test_the_first_frame_in_its_time_is_sure_to_be_hit() -> None:
    fault, happened = chance("loss", Ratio(1, 1 << 60))
    hits = [bool(befall([fault], FRAME, number, 90 + number).kinds) for number in range(30)]
    assert hits.index(True) == 10
    assert sum(hits) == 1
    assert happened == [Happened("loss/A>B/0", 10, 100)]


def test_taking_a_fault_away_leaves_the_others() -> None:
    def hits(kinds: list[str]) -> dict[str, set[int]]:
        faults = {kind: chance(kind, HALF, 10) for kind in kinds}
        for number in range(60):
            befall([fault for fault, _ in faults.values()], FRAME, number, 150)
        return {kind: {event.number for event in seen} for kind, (_, seen) in faults.items()}

    both = hits(["corrupt", "reorder", "duplicate"])
    alone = hits(["duplicate"])
    assert both["duplicate"] == alone["duplicate"]
    assert 10 < len(alone["duplicate"]) < 50


def test_named_numbers_take_the_place_of_chance() -> None:
    fault, happened = chance("loss", ALWAYS, only=frozenset({2, 5}))
    for number in range(8):
        befall([fault], FRAME, number, 150)
    assert [event.number for event in happened] == [2, 5]


def test_a_window_is_noted_once() -> None:
    fault, happened = chance("one-way")
    for number in range(5):
        befall([fault], FRAME, number, 120)
    assert [(event.number, event.at_ns) for event in happened] == [(0, 120)]


def test_a_late_copy_is_behind_the_first_by_whole_microseconds_up_to_20_ms() -> None:
    copies = [
        befall([chance("duplicate", ALWAYS)[0]], FRAME, number, 150).copies for number in range(60)
    ]
    behind = [second - first for (first, _), (second, _) in copies]
    assert all(each % 1_000 == 0 and 1_000 <= each <= 20_000_000 for each in behind)
    assert len(set(behind)) == 60


def test_a_frame_out_of_order_is_late_by_one_microsecond_to_its_amount() -> None:
    fault, _ = chance("reorder", ALWAYS, 3)
    late = {befall([fault], FRAME, number, 150).copies[0][0] for number in range(60)}
    assert late == {1_000, 2_000, 3_000}


@pytest.mark.parametrize("bit", [0, 7, 8, 1599])
def test_one_bit_is_another(bit: int) -> None:
    changed = flip_bit(FRAME, bit)
    differing = [at for at in range(200) if changed[at] != FRAME[at]]
    assert differing == [bit // 8]
    assert changed[bit // 8] ^ FRAME[bit // 8] == 1 << bit % 8
    assert len(changed) == 200
