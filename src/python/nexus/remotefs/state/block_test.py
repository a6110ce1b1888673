"""A disk in memory is read and written up to its last sector, and refuses what is beyond."""

from __future__ import annotations

import pytest

from nexus.remotefs.state.block import SECTOR_BYTES, DeviceError, MemoryDevice


@pytest.mark.parametrize("length", [1, SECTOR_BYTES - 1, SECTOR_BYTES + 1])
def test_half_a_sector_is_no_disk(length: int) -> None:
    with pytest.raises(DeviceError, match=f"{length} bytes; expected multiples of 512"):
        MemoryDevice(bytes(length))


@pytest.mark.parametrize(("sector", "count"), [(0, 4), (3, 1), (4, 0), (1, 2)])
def test_all_of_a_disk_can_be_read_and_written(sector: int, count: int) -> None:
    device = MemoryDevice(bytes(4 * SECTOR_BYTES))
    device.write(sector, b"x" * count * SECTOR_BYTES)
    assert device.read(sector, count) == b"x" * count * SECTOR_BYTES
    assert device.content.count(b"x") == count * SECTOR_BYTES
    assert device.sectors == 4


@pytest.mark.parametrize(("sector", "count"), [(0, 5), (3, 2), (4, 1), (5, 0)])
def test_nothing_behind_a_disk_is_read_or_written(sector: int, count: int) -> None:
    device = MemoryDevice(bytes(4 * SECTOR_BYTES))
    said = rf"sectors {sector}\.\.{sector + count} of a disk of 4"
    with pytest.raises(DeviceError, match=said):
        device.read(sector, count)
    with pytest.raises(DeviceError, match=said):
        device.write(sector, bytes(count * SECTOR_BYTES))
    assert bytes(device.content) == bytes(4 * SECTOR_BYTES)
