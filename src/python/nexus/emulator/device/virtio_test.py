"""The virtio transport, network card and entropy as a driver sees them, rings in guest memory."""

import pytest

from nexus.emulator.device import virtio_mmio as mmio
from nexus.emulator.device.device_fake import Disk, Irq
from nexus.emulator.device.driver_fake import NEXT, WRITE, Driver
from nexus.emulator.device.virtio_blk import (
    VirtioBlk,
)
from nexus.emulator.device.virtio_mmio import EmptySlot, VirtioMmio
from nexus.emulator.device.virtio_net import FEATURE_MRG_RXBUF, RECEIVE, TRANSMIT, VirtioNet
from nexus.emulator.device.virtio_rng import VirtioRng
from nexus.emulator.memory import RAM_BASE, Ram

MAC = bytes.fromhex("020000000001")
FRAME = bytes(range(60))


@pytest.fixture
def ram() -> Ram:
    return Ram(1 << 20)


@pytest.fixture
def irq() -> Irq:
    return Irq()


def make_net(ram: Ram, irq: Irq, features: int = 0) -> tuple[VirtioNet, Driver]:
    net = VirtioNet(MAC, ram, irq, lambda: 1230)
    return net, Driver(net.transport, ram, features, queues=2)


def test_identification_and_features(ram: Ram, irq: Irq) -> None:
    device = VirtioNet(MAC, ram, irq, lambda: 0).transport
    assert [device.read(r, 4) for r in (0, 4, 8, 12)] == [0x74726976, 2, 1, 0x554D4551]
    device.write(mmio.R_FEATURES_SEL, 4, 1)
    assert device.read(mmio.R_FEATURES, 4) == 1
    assert device.read(mmio.CONFIG, 1) == MAC[0]
    assert device.read(mmio.CONFIG + 6, 2) == 1
    assert device.read(mmio.CONFIG + 6, 4) == device.read(mmio.CONFIG + 8, 4) == 0xFFFF_FFFF
    assert device.read(0xB0, 4) == 0xFFFF_FFFF


def test_an_empty_slot_has_no_device() -> None:
    slot = EmptySlot()
    assert [slot.read(r, 4) for r in (0, 4, 8, 0x70)] == [0x74726976, 2, 0, 0]


def test_after_a_reset_every_register_is_as_at_power_on(ram: Ram, irq: Irq) -> None:
    device = VirtioNet(MAC, ram, irq, lambda: 0).transport
    names = (mmio.R_FEATURES, mmio.R_QUEUE_READY, mmio.R_INTERRUPT, mmio.R_STATUS)
    before = [device.read(name, 4) for name in names]
    driver = Driver(device, ram, 0, queues=2)
    driver.offer(TRANSMIT, [bytes(12) + FRAME])
    device.write(mmio.R_QUEUE_SEL, 4, 1)
    device.write(mmio.R_FEATURES_SEL, 4, 1)
    device.write(mmio.R_ACCEPTED_SEL, 4, 1)
    assert [device.read(name, 4) for name in names] == [1, 1, 1, 15]
    assert irq.level
    device.write(mmio.R_STATUS, 4, 0)
    assert [device.read(name, 4) for name in names] == before
    assert not irq.level
    assert not device.is_live
    assert device.accepted_features == 0
    # This write is of the lower word again, and of queue 0.
    device.write(mmio.R_ACCEPTED, 4, 1 << 5)
    assert device.accepted_features == 1 << 5
    device.write(mmio.R_QUEUE_READY, 4, 1)
    assert [queue.is_ready for queue in device.queues] == [True, False]


def test_a_wide_access_is_two_narrow_ones_and_others_do_nothing(ram: Ram, irq: Irq) -> None:
    device = VirtioNet(MAC, ram, irq, lambda: 0).transport
    assert device.read(mmio.R_MAGIC, 8) == 2 << 32 | 0x74726976
    assert EmptySlot().read(0, 8) == 2 << 32 | 0x74726976
    assert [device.read(mmio.R_MAGIC, size) for size in (1, 2)] == [0, 0]
    device.write(mmio.R_FEATURES, 8, 1 << 32)  # The upper half is the selector.
    assert device.read(mmio.R_FEATURES, 4) == 1
    for size in (1, 2):
        device.write(mmio.R_FEATURES_SEL, size, 0)
    assert device.read(mmio.R_FEATURES, 4) == 1


@pytest.mark.parametrize("selected", [2, 3, 1 << 31])
def test_there_are_two_words_of_features_and_as_many_queues_as_there_are(
    ram: Ram, irq: Irq, selected: int
) -> None:
    device = VirtioNet(MAC, ram, irq, lambda: 0).transport
    for selector in (mmio.R_FEATURES_SEL, mmio.R_ACCEPTED_SEL, mmio.R_QUEUE_SEL):
        device.write(selector, 4, selected)
    assert device.read(mmio.R_FEATURES, 4) == 0
    device.write(mmio.R_ACCEPTED, 4, 1)
    assert device.accepted_features == 0
    assert [device.read(r, 4) for r in (mmio.R_QUEUE_MAX, mmio.R_QUEUE_READY)] == [0, 0]
    device.write(mmio.R_QUEUE_READY, 4, 1)
    device.write(mmio.R_NOTIFY, 4, selected)
    assert [queue.is_ready for queue in device.queues] == [False, False]


@pytest.mark.parametrize("accepted", [1 << 32 | 1 << 50, 1 << 3])
def test_wrong_feature_sets_are_refused(ram: Ram, irq: Irq, accepted: int) -> None:
    device = VirtioNet(MAC, ram, irq, lambda: 0).transport
    for word in (0, 1):
        device.write(mmio.R_ACCEPTED_SEL, 4, word)
        device.write(mmio.R_ACCEPTED, 4, accepted >> 32 * word & 0xFFFF_FFFF)
    device.write(mmio.R_STATUS, 4, 3 | mmio.STATUS_FEATURES_OK)
    assert not device.read(mmio.R_STATUS, 4) & mmio.STATUS_FEATURES_OK


@pytest.mark.parametrize(
    ("features", "header"), [(0, bytes(10)), (FEATURE_MRG_RXBUF, bytes(10) + b"\1\0")]
)
def test_a_driver_need_not_know_the_upper_feature_word(
    ram: Ram, irq: Irq, features: int, header: bytes
) -> None:
    """Its network header is shorter then, as on QEMU 7.2."""
    net = VirtioNet(MAC, ram, irq, lambda: 0)
    driver = Driver(net.transport, ram, features, queues=2, has_upper_word=False)
    driver.offer(TRANSMIT, [bytes(len(header)) + FRAME])
    assert net.take_frames() == [(0, FRAME)]
    (address,) = driver.offer(RECEIVE, [200])
    assert net.deliver(FRAME)
    assert ram.read(address, len(header) + len(FRAME)) == header + FRAME


def test_transmit_strips_the_header_and_interrupts(ram: Ram, irq: Irq) -> None:
    net, driver = make_net(ram, irq)
    driver.offer(TRANSMIT, [bytes(12) + FRAME[:20], FRAME[20:]])
    assert net.take_frames() == [(1230, FRAME)]
    assert net.take_frames() == []
    assert driver.used(TRANSMIT) == [0]
    assert irq.level
    driver.write(mmio.R_ACKNOWLEDGE, driver.read(mmio.R_INTERRUPT))
    assert not irq.level


def test_a_polling_driver_is_not_interrupted(ram: Ram, irq: Irq) -> None:
    net, driver = make_net(ram, irq)
    ram.write(driver.ring(TRANSMIT, 1), b"\1\0")
    driver.offer(TRANSMIT, [bytes(12) + FRAME])
    assert net.take_frames()
    assert not irq.level


def test_a_notice_without_a_request_interrupts_nobody(ram: Ram, irq: Irq) -> None:
    transports = (
        (VirtioNet(MAC, ram, irq, lambda: 0).transport, 2),
        (VirtioRng(lambda n: bytes(n), ram, irq).transport, 1),
        (VirtioBlk(Disk(), b"d", ram, irq).transport, 1),
    )
    for transport, queues in transports:
        driver = Driver(transport, ram, queues=queues)
        for queue in range(queues):
            driver.write(mmio.R_NOTIFY, queue)
            assert driver.used(queue) == []
        assert driver.read(mmio.R_INTERRUPT) == 0
        assert not irq.level


def test_receive_fills_one_buffer(ram: Ram, irq: Irq) -> None:
    net, driver = make_net(ram, irq)
    (address,) = driver.offer(RECEIVE, [200])
    assert driver.used(RECEIVE) == []
    assert net.deliver(FRAME)
    assert driver.used(RECEIVE) == [72]
    assert ram.read(address, 72) == bytes(10) + b"\1\0" + FRAME


def test_a_frame_without_a_buffer_is_dropped(ram: Ram, irq: Irq) -> None:
    net, driver = make_net(ram, irq)
    assert not net.deliver(FRAME)
    driver.offer(RECEIVE, [40])
    assert not net.deliver(FRAME)  # Too small, and merging was not accepted.
    assert driver.used(RECEIVE) == []
    assert net.deliver(FRAME[:20])  # The buffer is still there.


def test_merged_buffers_count_themselves(ram: Ram, irq: Irq) -> None:
    net, driver = make_net(ram, irq, FEATURE_MRG_RXBUF)
    first = driver.offer(RECEIVE, [40])[0]
    second = driver.offer(RECEIVE, [40])[0]
    assert net.deliver(FRAME)
    assert driver.used(RECEIVE) == [40, 32]
    assert ram.read(first, 40)[10:12] == b"\2\0"
    assert ram.read(first, 40)[12:] + ram.read(second, 32) == FRAME


def test_rng_fills_what_is_writable(ram: Ram, irq: Irq) -> None:
    driver = Driver(VirtioRng(lambda n: b"\xa5" * n, ram, irq).transport, ram)
    address = driver.offer(0, [32])[0]
    assert driver.used(0) == [32]
    assert ram.read(address, 32) == b"\xa5" * 32
    assert irq.level


def test_rng_of_a_dry_source_answers_when_it_is_served_again(ram: Ram, irq: Irq) -> None:
    stock = [b"", b"\x5a" * 32]
    transport = VirtioRng(lambda n: stock.pop(0), ram, irq).transport
    driver = Driver(transport, ram)
    address = driver.offer(0, [32])[0]
    assert driver.used(0) == []
    assert not irq.level
    transport.serve(0)
    assert driver.used(0) == [32]
    assert irq.level
    assert ram.read(address, 32) == b"\x5a" * 32


@pytest.mark.parametrize(
    "descriptors",
    [
        pytest.param([(0x1000, 16, 0, 0)], id="outside RAM"),
        pytest.param([(RAM_BASE + (1 << 20) - 8, 16, 0, 0)], id="past the end of RAM"),
        pytest.param([(RAM_BASE, 16, NEXT, 0)], id="loop"),
        pytest.param([(RAM_BASE, 16, NEXT, 99)], id="no such descriptor"),
        pytest.param([(RAM_BASE, 1, WRITE | NEXT, 1), (RAM_BASE, 16, 0, 0)], id="wrong order"),
        pytest.param([(RAM_BASE, 16, 4, 0)], id="indirect"),
        pytest.param([(RAM_BASE, 4, NEXT, 1), (RAM_BASE, 1, WRITE, 0)], id="short request"),
    ],
)
def test_a_broken_queue_needs_a_reset(
    ram: Ram, irq: Irq, descriptors: list[tuple[int, int, int, int]]
) -> None:
    device: VirtioMmio = VirtioBlk(Disk(), b"d", ram, irq).transport
    driver = Driver(device, ram)
    for index, fields in enumerate(descriptors):
        driver.descriptor(0, index, fields)
    driver.make_available(0, 0)
    assert driver.read(mmio.R_STATUS) & mmio.STATUS_NEEDS_RESET
    assert driver.read(mmio.R_INTERRUPT) == mmio.INTERRUPT_CONFIG
    assert irq.level
    driver.write(mmio.R_STATUS, 0)
    assert driver.read(mmio.R_STATUS) == 0
    assert not irq.level


def test_an_index_that_runs_away_breaks_the_queue(ram: Ram, irq: Irq) -> None:
    driver = Driver(VirtioBlk(Disk(), b"d", ram, irq).transport, ram)
    ram.write(driver.ring(0, 1) + 2, (100).to_bytes(2, "little"))
    driver.write(mmio.R_NOTIFY, 0)
    assert driver.read(mmio.R_STATUS) & mmio.STATUS_NEEDS_RESET
