"""The disk of the Linux guest: what mke2fs of this host makes of it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from nexus.linux.disk import make_disk

SUPERBLOCK = 1024
# ext4's layout: s_feature_compat and s_feature_incompat, little-endian.
COMPATIBLE_AT, INCOMPATIBLE_AT = SUPERBLOCK + 0x5C, SUPERBLOCK + 0x60
HAS_JOURNAL, EXTENTS = 0x4, 0x40

PATH = f"{os.environ.get('PATH', os.defpath)}:/sbin:/usr/sbin"

pytestmark = pytest.mark.skipif(
    shutil.which("mke2fs", path=PATH) is None, reason="mke2fs is not on this host"
)


def feature_bits(disk: bytes, offset: int) -> int:
    return int.from_bytes(disk[offset : offset + 4], "little")


def test_disk_has_the_journal_that_a_power_cut_needs(tmp_path: Path) -> None:
    make_disk(tmp_path / "disk")

    disk = (tmp_path / "disk").read_bytes()
    assert feature_bits(disk, COMPATIBLE_AT) & HAS_JOURNAL
    assert feature_bits(disk, INCOMPATIBLE_AT) & EXTENTS


def test_disk_is_the_same_bytes_every_time(tmp_path: Path) -> None:
    make_disk(tmp_path / "first")
    make_disk(tmp_path / "second")

    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
