"""The network card at its bounds: lengths of frames, room of buffers, headers, interrupts."""

from __future__ import annotations

import pytest

from nexus.emulator.device import virtio_mmio as mmio
from nexus.emulator.device.driver_fake import Driver
from nexus.emulator.device.virtio_net import (
    FEATURE_MRG_RXBUF,
    RECEIVE,
    SENT_FRAMES_MAX,
    TRANSMIT,
    VirtioNet,
)
from nexus.emulator.memory import Ram

MAC = bytes.fromhex("020000000001")
FRAME = bytes(range(60))
HEADER = bytes(12)


class Card:
    """A card with its driver, and the level of its interrupt."""

    def __init__(self, features: int = 0, *, has_upper_word: bool = True) -> None:
        self.is_high = False
        self.now_ns = 1230
        self.ram = Ram(1 << 20)
        self.net = VirtioNet(MAC, self.ram, self._drive, lambda: self.now_ns)
        self.driver = Driver(
            self.net.transport, self.ram, features, queues=2, has_upper_word=has_upper_word
        )

    def _drive(self, is_high: bool) -> None:
        self.is_high = is_high


def test_a_frame_that_is_received_interrupts_and_one_without_a_buffer_does_not() -> None:
    card = Card()
    assert not card.net.deliver(FRAME)
    assert (card.is_high, card.driver.read(mmio.R_INTERRUPT)) == (False, 0)
    card.driver.offer(RECEIVE, [200])
    assert not card.is_high
    assert card.net.deliver(FRAME)
    assert (card.is_high, card.driver.read(mmio.R_INTERRUPT)) == (True, 1)
    assert not card.net.deliver(FRAME), "the buffer was used"


@pytest.mark.parametrize(
    ("length", "is_frame"), [(13, False), (14, True), (9216, True), (9217, False)]
)
def test_a_frame_has_fourteen_bytes_to_those_of_a_jumbo(length: int, is_frame: bool) -> None:
    card = Card()
    card.driver.offer(TRANSMIT, [HEADER + bytes(length)])
    assert len(card.net.take_frames()) == is_frame
    assert card.driver.used(TRANSMIT) == [0], "the buffer goes back in any case"
    assert card.is_high


@pytest.mark.parametrize("length", [14, 9216])
def test_the_shortest_and_the_longest_frame_are_received(length: int) -> None:
    card = Card()
    card.driver.offer(RECEIVE, [10_000])
    assert card.net.deliver(bytes(length))
    assert card.driver.used(RECEIVE) == [12 + length]


@pytest.mark.parametrize("length", [0, 13, 9217])
def test_what_is_no_frame_cannot_be_delivered(length: int) -> None:
    with pytest.raises(ValueError, match=f"^frame of {length} bytes: expected 14..9216$"):
        Card().net.deliver(bytes(length))


@pytest.mark.parametrize(("room", "is_taken"), [(71, False), (72, True), (73, True)])
def test_a_buffer_has_room_for_the_header_and_the_frame(room: int, is_taken: bool) -> None:
    card = Card()
    (address,) = card.driver.offer(RECEIVE, [room])
    assert card.net.deliver(FRAME) is is_taken
    assert card.driver.used(RECEIVE) == [72] * is_taken
    expected = bytes(10) + b"\1\0" + FRAME if is_taken else bytes(72)
    assert card.ram.read(address, 72) == expected


@pytest.mark.parametrize(
    ("rooms", "used"),
    [
        ([40, 40], [40, 32]),
        ([12, 60], [12, 60]),
        ([12, 59], []),
        ([11, 100], []),
        ([36, 24, 12], [36, 24, 12]),
        ([72, 72], [72]),
    ],
)
def test_merged_buffers_are_filled_in_their_order(rooms: list[int], used: list[int]) -> None:
    card = Card(FEATURE_MRG_RXBUF)
    places = [card.driver.offer(RECEIVE, [room])[0] for room in rooms]
    assert card.net.deliver(FRAME) is bool(used)
    assert card.driver.used(RECEIVE) == used
    data = b"".join(
        card.ram.read(place, length) for place, length in zip(places, used, strict=False)
    )
    header = bytes(10) + len(used).to_bytes(2, "little")
    assert data == (header + FRAME if used else b"")


def test_what_had_no_room_takes_none_of_the_buffers() -> None:
    card = Card(FEATURE_MRG_RXBUF)
    card.driver.offer(RECEIVE, [30])
    card.driver.offer(RECEIVE, [30])
    assert not card.net.deliver(FRAME)
    card.driver.offer(RECEIVE, [12])
    assert card.net.deliver(FRAME)
    assert card.driver.used(RECEIVE) == [30, 30, 12]


@pytest.mark.parametrize(
    ("features", "has_upper_word", "header"),
    [(0, True, 12), (0, False, 10), (FEATURE_MRG_RXBUF, False, 12)],
)
def test_an_old_driver_without_merging_has_a_header_of_ten_bytes(
    features: int, has_upper_word: bool, header: int
) -> None:
    card = Card(features, has_upper_word=has_upper_word)
    card.driver.offer(TRANSMIT, [bytes(header) + FRAME])
    assert card.net.take_frames() == [(1230, FRAME)]
    (address,) = card.driver.offer(RECEIVE, [header + 60])
    assert card.net.deliver(FRAME)
    assert card.driver.used(RECEIVE) == [header + 60]
    assert card.ram.read(address, header + 60) == (bytes(10) + b"\1\0")[:header] + FRAME


def test_frames_that_are_not_taken_away_are_kept_up_to_a_bound_and_then_counted() -> None:
    card = Card()
    for _ in range(SENT_FRAMES_MAX):
        card.net._send(FRAME)
    assert card.net.dropped_frames == 0
    card.net._send(FRAME)
    assert (card.net.dropped_frames, len(card.net.take_frames())) == (1, SENT_FRAMES_MAX)
    card.net._send(FRAME)
    assert (card.net.dropped_frames, len(card.net.take_frames())) == (1, 1)


def test_the_configuration_is_the_address_and_a_link_that_is_up() -> None:
    card = Card()
    device = card.net.transport
    assert [device.read(0x100 + at, 1) for at in range(8)] == [*MAC, 1, 0]
    for size in (1, 2, 4, 8):
        device.write(0x100, size, 0xFF)
    assert device.read(0x100, 4) == int.from_bytes(MAC[:4], "little")
    assert device.read(0x108, 2) == 0xFFFF


@pytest.mark.parametrize(
    ("low", "name"), [(0x80, "descriptors"), (0x90, "available"), (0xA0, "used")]
)
def test_the_address_of_a_ring_has_two_halves(low: int, name: str) -> None:
    card = Card()
    device = card.net.transport
    queue = device.queues[TRANSMIT]
    device.write(mmio.R_QUEUE_SEL, 4, TRANSMIT)
    others = {other: getattr(queue, other) for other in ("descriptors", "available", "used")}
    device.write(low, 4, 0x8765_4321)
    device.write(low + 4, 4, 0xFEDC_BA98)
    assert getattr(queue, name) == 0xFEDC_BA98_8765_4321
    device.write(low, 4, 1)
    assert getattr(queue, name) == 0xFEDC_BA98_0000_0001
    device.write(low + 4, 4, 0)
    assert getattr(queue, name) == 1
    del others[name]
    assert {other: getattr(queue, other) for other in others} == others


def test_at_power_on_the_first_queue_is_selected_and_it_is_not_ready() -> None:
    ram = Ram(1 << 20)
    device = VirtioNet(MAC, ram, lambda is_high: None, lambda: 0).transport
    assert (device.read(mmio.R_QUEUE_MAX, 4), device.read(mmio.R_QUEUE_READY, 4)) == (1024, 0)
    device.write(mmio.R_QUEUE_SIZE, 4, 4)
    device.write(mmio.R_QUEUE_READY, 4, 1)
    assert [(queue.size, queue.is_ready) for queue in device.queues] == [(4, True), (0, False)]
    assert device.read(mmio.R_FEATURES, 4) == 1 << 5 | 1 << 15 | 1 << 16 | 1 << 28
    device.write(mmio.R_FEATURES_SEL, 4, 1)
    assert device.read(mmio.R_FEATURES, 4) == 1
