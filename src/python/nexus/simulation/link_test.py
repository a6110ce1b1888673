"""Each fault alone, delay and order, the bound, and: same seed, same run."""

from __future__ import annotations

from typing import Any  # Any: a stand-in, or a value of a wrong type.

import pytest

from nexus.core.randomness import ALWAYS, KeyedRandom, Ratio
from nexus.simulation.link import Cut, Fault, Link, LinkOptions

FRAME = bytes(range(60))
HALF = Ratio(1, 2)


def _link(seed: int = 1, **options: Any) -> Link:
    return Link("A>B", LinkOptions(**options), KeyedRandom(seed))


def test_frame_arrives_after_the_delay_and_not_before() -> None:
    link = _link(delay_ns=500)
    assert link.offer(FRAME, 1_000) == ()
    assert link.next_arrival_ns() == 1_500
    assert link.collect(1_499) is None
    assert link.collect(1_500) == FRAME
    assert link.next_arrival_ns() is None


def test_equal_delays_keep_the_order() -> None:
    link = _link()
    for value in range(10):
        link.offer(bytes([value]) * 60, value)
    taken = [link.collect(10**9) for _ in range(10)]
    assert taken == [bytes([value]) * 60 for value in range(10)]


@pytest.mark.parametrize(
    ("options", "fault", "arrived"),
    [
        ({"loss": ALWAYS}, Fault.LOSS, 0),
        ({"duplicate": ALWAYS}, Fault.DUPLICATE, 2),
        ({"corrupt": ALWAYS}, Fault.CORRUPT, 1),
        ({"cuts": (Cut(0, 10),)}, Fault.PARTITION, 0),
    ],
    ids=lambda value: value.value if isinstance(value, Fault) else None,
)
def test_a_fault_alone_decides_a_frame_s_fate(
    options: dict[str, Any], fault: Fault, arrived: int
) -> None:
    link = _link(**options)
    assert link.offer(FRAME, 5) == (fault,)
    assert [event.fault for event in link.faults] == [fault]
    frames = [link.collect(10**9) for _ in range(3)]
    assert sum(frame is not None for frame in frames) == arrived


def test_corruption_flips_exactly_one_bit() -> None:
    link = _link(corrupt=ALWAYS)
    link.offer(FRAME, 0)
    frame = link.collect(10**9)
    assert frame is not None
    difference = int.from_bytes(frame, "big") ^ int.from_bytes(FRAME, "big")
    assert difference.bit_count() == 1


def test_cut_ends() -> None:
    link = _link(cuts=(Cut(10, 20),))
    assert [link.offer(FRAME, at) for at in (9, 10, 19, 20)] == [
        (),
        (Fault.PARTITION,),
        (Fault.PARTITION,),
        (),
    ]
    # Frames are counted from 0.
    assert [event.frame_number for event in link.faults] == [1, 2]


def test_queue_is_bounded_and_overflow_is_recorded() -> None:
    link = _link(queue_frames_max=2)
    assert [link.offer(FRAME, 0) for _ in range(3)] == [(), (), (Fault.OVERFLOW,)]


def test_same_seed_same_run_other_seed_other_run() -> None:
    def run(seed: int) -> list[tuple[Fault, ...]]:
        link = _link(seed, loss=HALF, duplicate=HALF, corrupt=HALF)
        return [link.offer(FRAME, at) for at in range(50)]

    assert run(7) == run(7)
    assert run(7) != run(8)


def test_switching_one_fault_off_leaves_the_others_alone() -> None:
    def corrupted(loss: Ratio) -> set[int]:
        link = _link(loss=loss, corrupt=HALF)
        for at in range(60):
            link.offer(FRAME, at)
        return {event.frame_number for event in link.faults if event.fault is Fault.CORRUPT}

    with_loss = corrupted(HALF)
    assert with_loss < corrupted(Ratio(0, 1))


def test_jitter_stays_within_its_bounds_and_reorders() -> None:
    link = _link(delay_ns=100, jitter_ns=10_000)
    for number in range(100):
        link.offer(number.to_bytes(60, "big"), 0)
    order = []
    for at in range(0, 10_101, 10):
        while (frame := link.collect(at)) is not None:
            assert at >= 100
            order.append(int.from_bytes(frame, "big"))
    assert sorted(order) == list(range(100))
    assert order != sorted(order)


@pytest.mark.parametrize(
    "options",
    [{"delay_ns": 0}, {"delay_ns": 15}, {"jitter_ns": -1}, {"queue_frames_max": 0}],
    ids=str,
)
def test_bad_options_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        LinkOptions(**options)  # type: ignore[arg-type]  # Mixed types.


def test_empty_cut_is_refused() -> None:
    with pytest.raises(ValueError, match="cut"):
        Cut(5, 5)


@pytest.mark.parametrize(
    "options",
    [
        {"jitter_ns": 10},
        {"loss": HALF},
        {"duplicate": HALF},
        {"corrupt": HALF},
        {"cuts": (Cut(0, 1),)},
    ],
    ids=lambda value: next(iter(value)),
)
def test_faultless_means_that_nothing_can_happen(options: dict[str, Any]) -> None:
    assert LinkOptions().is_faultless
    assert not LinkOptions(**options).is_faultless
