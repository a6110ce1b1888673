"""Learning, flooding, the bound, and frames that are not frames."""

from __future__ import annotations

import pytest

from nexus.simulation.switch import ADDRESSES_MAX, FRAME_BYTES_MAX, LearningSwitch

A = bytes.fromhex("525400123401")
B = bytes.fromhex("525400123402")
BROADCAST = b"\xff" * 6
GROUP = bytes.fromhex("01005e2a0001")


def _frame(target: bytes, source: bytes) -> bytes:
    return target + source + b"\x08\x00" + bytes(46)


@pytest.mark.parametrize("target", [BROADCAST, GROUP, B], ids=["broadcast", "multicast", "unknown"])
def test_floods_to_all_but_the_sender(target: bytes) -> None:
    assert LearningSwitch(4).forward(1, _frame(target, A)) == (0, 2, 3)


def test_known_destination_gets_it_alone() -> None:
    switch = LearningSwitch(3)
    switch.forward(0, _frame(BROADCAST, A))
    assert switch.forward(2, _frame(A, B)) == (0,)
    assert switch.forward(0, _frame(B, A)) == (2,)


def test_moved_station_is_learned_anew() -> None:
    switch = LearningSwitch(3)
    switch.forward(0, _frame(BROADCAST, A))
    switch.forward(1, _frame(BROADCAST, A))
    assert switch.forward(2, _frame(A, B)) == (1,)


def test_destination_on_the_same_port_goes_nowhere() -> None:
    switch = LearningSwitch(2)
    switch.forward(0, _frame(BROADCAST, A))
    assert switch.forward(0, _frame(A, B)) == ()


def test_group_address_is_never_learned() -> None:
    switch = LearningSwitch(2)
    switch.forward(0, _frame(BROADCAST, GROUP))
    assert switch.addresses == 0


def test_table_is_bounded_and_forgets_the_oldest() -> None:
    switch = LearningSwitch(3)
    switch.forward(0, _frame(BROADCAST, A))
    for number in range(ADDRESSES_MAX):
        switch.forward(1, _frame(BROADCAST, b"\x02" + number.to_bytes(5, "big")))
    assert switch.addresses == ADDRESSES_MAX
    assert switch.forward(2, _frame(A, B)) == (0, 1)


@pytest.mark.parametrize("size", [0, 13, FRAME_BYTES_MAX + 1])
def test_misfits_are_dropped_and_teach_nothing(size: int) -> None:
    switch = LearningSwitch(2)
    assert switch.forward(0, bytes(size)) == ()
    assert switch.addresses == 0


def test_a_switch_needs_a_port() -> None:
    with pytest.raises(ValueError, match="ports"):
        LearningSwitch(0)


@pytest.mark.parametrize(
    ("length", "fits"), [(13, False), (14, True), (15, True), (1514, True), (1515, False)]
)
def test_a_frame_is_an_ethernet_header_to_1500_bytes_of_payload(length: int, fits: bool) -> None:
    assert bool(LearningSwitch(2).forward(0, b"\xff" * 6 + bytes(length - 6))) is fits


def test_a_sender_that_is_heard_again_is_the_youngest() -> None:
    switch = LearningSwitch(3)
    others = [b"\x04" + number.to_bytes(5, "big") for number in range(ADDRESSES_MAX)]
    for source in (A, *others[:-1], A, others[-1]):
        switch.forward(1, _frame(BROADCAST, source))
    assert switch.forward(0, _frame(A, B)) == (1,)
    assert switch.forward(2, _frame(others[0], B)) == (0, 1), "the oldest made room"
