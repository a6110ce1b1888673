"""A queue's chains at their bounds: sizes, indices, indirect tables, two at once."""

from __future__ import annotations

import struct

import pytest

from nexus.emulator.device.virtqueue import Chain, QueueError, VirtQueue
from nexus.emulator.memory import RAM_BASE, Ram

NEXT, WRITE, INDIRECT = 1, 2, 4
TABLE, AVAILABLE, USED = RAM_BASE + 0x1000, RAM_BASE + 0x2000, RAM_BASE + 0x3000
OUTER, INNER, DATA = RAM_BASE + 0x4000, RAM_BASE + 0x8000, RAM_BASE + 0xC000
RAM_BYTES = 1 << 17

Descriptor = tuple[int, int, int, int]


def make(size: int = 4) -> tuple[VirtQueue, Ram]:
    ram = Ram(RAM_BYTES)
    queue = VirtQueue(ram)
    queue.size, queue.is_ready, queue.has_indirect = size, True, True
    queue.descriptors, queue.available, queue.used = TABLE, AVAILABLE, USED
    return queue, ram


def lay(ram: Ram, table: int, *descriptors: Descriptor) -> None:
    ram.write(table, b"".join(struct.pack("<QIHH", *each) for each in descriptors))


def offer(ram: Ram, *heads: int, index: int | None = None) -> None:
    count = len(heads) if index is None else index
    ram.write(AVAILABLE, struct.pack(f"<HH{len(heads)}H", 0, count & 0xFFFF, *heads))


def popped(queue: VirtQueue) -> Chain:
    chain = queue.pop()
    assert chain is not None
    return chain


def large_chain(more: int) -> VirtQueue:
    """A chain as large as memory, and so many bytes more."""
    half = RAM_BYTES // 2
    queue, ram = make()
    lay(
        ram,
        TABLE,
        (RAM_BASE, half, NEXT, 1),
        (RAM_BASE, half, NEXT | WRITE, 2),
        (RAM_BASE, more, WRITE, 0),
    )
    offer(ram, 0)
    return queue


def test_a_chain_as_large_as_memory_and_one_byte_more() -> None:
    assert popped(large_chain(0)).writable_bytes == RAM_BYTES // 2
    with pytest.raises(QueueError, match="larger than RAM"):
        large_chain(1).pop()


@pytest.mark.parametrize(
    ("address", "length"),
    [(RAM_BASE, RAM_BYTES), (RAM_BASE + RAM_BYTES - 1, 1), (RAM_BASE + RAM_BYTES, 0)],
)
def test_a_buffer_may_end_where_memory_ends(address: int, length: int) -> None:
    queue, ram = make()
    lay(ram, TABLE, (address, length, 0, 0))
    offer(ram, 0)
    assert popped(queue).readable == ((address, length),)


@pytest.mark.parametrize(
    ("address", "length"),
    [
        (RAM_BASE + RAM_BYTES, 1),
        (RAM_BASE - 1, 1),
        (RAM_BASE + 1, RAM_BYTES),
        ((1 << 64) - 1, 2),
    ],
)
def test_a_buffer_beyond_memory_is_refused(address: int, length: int) -> None:
    queue, ram = make()
    lay(ram, TABLE, (address, length, 0, 0))
    offer(ram, 0)
    with pytest.raises(QueueError, match="not RAM"):
        queue.pop()


def test_an_indirect_table_in_an_indirect_table_is_refused_though_it_could_be_followed() -> None:
    queue, ram = make()
    lay(ram, TABLE, (OUTER, 32, INDIRECT, 0))
    lay(ram, OUTER, (DATA, 8, NEXT, 1), (INNER, 16, INDIRECT, 0))
    lay(ram, INNER, (DATA, 8, 0, 0))
    offer(ram, 0)
    with pytest.raises(QueueError, match="indirect descriptor in an indirect table"):
        queue.pop()


def test_an_indirect_descriptor_is_the_last_though_it_could_be_followed() -> None:
    queue, ram = make()
    lay(ram, TABLE, (OUTER, 16, INDIRECT | NEXT, 1), (DATA, 8, 0, 0))
    lay(ram, OUTER, (DATA, 8, 0, 0))
    offer(ram, 0)
    with pytest.raises(QueueError, match="not the last"):
        queue.pop()


def test_direct_descriptors_may_lead_to_an_indirect_table_which_has_its_own_indices() -> None:
    queue, ram = make(2)
    lay(ram, TABLE, (DATA, 1, NEXT, 1), (OUTER, 48, INDIRECT, 0))
    lay(ram, OUTER, (DATA, 2, NEXT, 2), (DATA, 4, WRITE, 0), (DATA, 3, NEXT, 1))
    offer(ram, 0)
    chain = popped(queue)
    assert [length for _, length in chain.readable] == [1, 2, 3]
    assert chain.writable_bytes == 4
    lay(ram, OUTER, (DATA, 2, NEXT, 3), (DATA, 4, WRITE, 0), (DATA, 3, NEXT, 1))
    queue.push_back()
    with pytest.raises(QueueError, match="descriptor 3 in a table of 3"):
        queue.pop()


def indirect_table(count: int) -> VirtQueue:
    """A queue with a table of so many descriptors elsewhere."""
    queue, ram = make()
    lay(ram, TABLE, (OUTER, 16 * count, INDIRECT, 0))
    lay(ram, OUTER, (DATA, 8, 0, 0))
    offer(ram, 0)
    return queue


@pytest.mark.parametrize("count", [1, 1024])
def test_the_size_of_an_indirect_table(count: int) -> None:
    assert popped(indirect_table(count)).readable == ((DATA, 8),)


def test_an_indirect_table_of_one_descriptor_too_many_is_refused() -> None:
    with pytest.raises(QueueError, match="indirect table"):
        indirect_table(1025).pop()


def table_of_four(head: int) -> VirtQueue:
    """A queue of four descriptors to which this one is offered."""
    queue, ram = make(4)
    lay(ram, TABLE, *[(DATA, 8, 0, 0)] * 6)
    offer(ram, head)
    return queue


def test_the_last_descriptor_of_the_table() -> None:
    assert popped(table_of_four(3)).head == 3


@pytest.mark.parametrize("head", [4, 65535])
def test_a_descriptor_beyond_the_table_is_refused(head: int) -> None:
    with pytest.raises(QueueError, match=f"descriptor {head} in a table of 4"):
        table_of_four(head).pop()


def test_a_chain_that_runs_in_a_circle_ends() -> None:
    queue, ram = make(2)
    lay(ram, TABLE, (DATA, 0, NEXT, 1), (DATA, 0, NEXT, 0))
    offer(ram, 0)
    with pytest.raises(QueueError, match="has no end"):
        queue.pop()


def test_what_is_to_be_read_comes_before_what_is_to_be_written() -> None:
    queue, ram = make()
    lay(ram, TABLE, (DATA, 1, NEXT | WRITE, 1), (DATA, 1, 0, 0))
    offer(ram, 0)
    with pytest.raises(QueueError, match="readable descriptor after a writable one"):
        queue.pop()


def test_two_chains_at_once_and_a_ring_that_is_exactly_full() -> None:
    queue, ram = make(2)
    lay(ram, TABLE, (DATA, 1, 0, 0), (DATA, 2, 0, 0))
    offer(ram, 1, 0)
    first, second = popped(queue), popped(queue)
    assert (first.head, second.head) == (1, 0)
    assert queue.pop() is None
    queue.push_back()
    assert popped(queue) == second
    queue.push(second, 5)
    queue.push(first, 6)
    assert ram.read(USED, 20) == struct.pack("<HH4I", 0, 2, 0, 5, 1, 6)
    offer(ram, 1, 0, index=4)
    assert popped(queue).head == 1
    offer(ram, 1, 0, index=6)
    with pytest.raises(QueueError, match="3 chains available in a queue of 2"):
        queue.pop()


def test_indices_wrap() -> None:
    queue, ram = make(2)
    lay(ram, TABLE, (DATA, 1, 0, 0), (DATA, 2, 0, 0))
    for turn in range(65536 // 2 + 1):
        offer(ram, 0, 1, index=2 * turn + 2)
        for head in (0, 1):
            chain = popped(queue)
            assert chain.head == head
            queue.push(chain, 0)
    assert ram.read(USED + 2, 2) == (2).to_bytes(2, "little")
    assert queue.pop() is None


@pytest.mark.parametrize("skip", range(7))
def test_a_write_that_begins_anywhere_in_the_chain(skip: int) -> None:
    queue, ram = make()
    chain = Chain(0, (), ((DATA, 2), (DATA + 16, 3), (DATA + 32, 1)))
    queue.scatter(chain, b"abcdef"[: 6 - skip], skip)
    parts = ram.read(DATA, 2) + ram.read(DATA + 16, 3) + ram.read(DATA + 32, 1)
    assert parts == bytes(skip) + b"abcdef"[: 6 - skip]
    assert ram.read(DATA + 2, 14) == bytes(14)
    assert ram.read(DATA + 19, 13) == bytes(13)


def test_after_a_reset_nothing_is_left() -> None:
    queue, ram = make()
    lay(ram, TABLE, (DATA, 1, 0, 0))
    offer(ram, 0)
    popped(queue)
    queue.reset()
    assert queue.pop() is None
    queue.size, queue.is_ready = 4, True
    queue.descriptors, queue.available, queue.used = TABLE, AVAILABLE, USED
    assert popped(queue).head == 0
