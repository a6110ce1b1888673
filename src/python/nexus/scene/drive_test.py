"""A drive after a power cut: all that was flushed and nothing that was not."""

from __future__ import annotations

import pytest

from nexus.scene.drive import VolatileDrive

BEFORE = bytes(range(256)) * 8  # Four sectors.


def test_what_was_not_flushed_is_lost() -> None:
    drive = VolatileDrive(BEFORE)
    drive.write(512, b"a" * 512)
    drive.write(512, b"b" * 1024)
    assert drive.read(512, 1024) == b"b" * 1024
    drive.lose_power()
    assert drive.content == BEFORE


def test_what_was_flushed_stays_and_the_write_after_it_is_lost() -> None:
    drive = VolatileDrive(BEFORE)
    drive.write(0, b"a" * 512)
    drive.flush()
    drive.write(0, b"b" * 512)
    drive.lose_power()
    assert drive.content == b"a" * 512 + BEFORE[512:]
    drive.lose_power()
    assert drive.content == b"a" * 512 + BEFORE[512:]


@pytest.mark.parametrize(("offset", "length"), [(0, 2048), (100, 5), (500, 600), (1536, 512)])
def test_writes_of_any_shape_are_undone(offset: int, length: int) -> None:
    drive = VolatileDrive(BEFORE)
    drive.write(offset, b"x" * length)
    drive.lose_power()
    assert drive.content == BEFORE
