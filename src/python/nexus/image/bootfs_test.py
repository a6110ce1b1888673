"""The archive reads back, is independent of order, and refuses what it cannot hold."""

from __future__ import annotations

import struct

import pytest

from nexus.image.bootfs import FILES_MAX, collect, find, pack, unpack
from nexus.image.error import ImageError

FILES = {"samgrd": b"s" * 5000, "init": b"i", "logd": b""}


def test_golden_bytes() -> None:
    archive = pack({"init": b"\x01\x02"})
    assert archive[:8] == bytes.fromhex("4e58424601000100")
    assert archive[8:40] == b"init".ljust(32, b"\0")
    assert archive[40:56] == struct.pack("<QQ", 4096, 2)
    assert archive[4096:] == b"\x01\x02".ljust(4096, b"\0")


def test_reads_back_sorted() -> None:
    assert list(unpack(pack(FILES)).items()) == sorted(FILES.items())
    assert find(pack(FILES), "samgrd") == b"s" * 5000


def test_order_of_input_does_not_matter() -> None:
    assert pack(FILES) == pack(dict(reversed(FILES.items())))


def test_every_file_starts_on_a_page() -> None:
    archive = pack(FILES)
    offsets = [struct.unpack_from("<Q", archive, 8 + 48 * i + 32)[0] for i in range(len(FILES))]
    assert all(offset % 4096 == 0 for offset in offsets)


@pytest.mark.parametrize("name", ["", "A", "x" * 33, "a/b"])
def test_bad_names_are_refused(name: str) -> None:
    with pytest.raises(ImageError, match="expected"):
        collect([(name, b"")])


def test_a_name_given_twice_is_refused() -> None:
    with pytest.raises(ImageError, match="'init' is given twice"):
        collect([("init", b"a"), ("init", b"a")])


@pytest.mark.parametrize("count", [0, FILES_MAX + 1])
def test_too_few_or_many_are_refused(count: int) -> None:
    with pytest.raises(ImageError, match=r"expected 1\.\."):
        pack({f"s{i}": b"" for i in range(count)})


def test_a_damaged_archive_is_refused() -> None:
    archive = pack({"a": b"1", "b": b"2"})
    swapped = archive[:8] + archive[56:104] + archive[8:56] + archive[104:]
    for bad in (b"", b"NXBX" + archive[4:], archive[:60], archive[:5000], swapped):
        with pytest.raises(ImageError):
            unpack(bad)


def test_a_missing_name_gets_a_suggestion() -> None:
    with pytest.raises(ImageError, match="did you mean 'samgrd'"):
        find(pack(FILES), "samgr")
