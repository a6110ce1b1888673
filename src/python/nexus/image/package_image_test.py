"""The image reads back, is independent of order, and every bent field has its fault."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from contextlib import suppress
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.image import package_image
from nexus.image.error import ImageError
from nexus.image.package_image import (
    ENTRY,
    SUPERBLOCK,
    Entry,
    Fault,
    PackageFile,
    PackageImage,
    PackageImageError,
    build_image,
    read_image,
)
from nexus.image.package_image_cases import FIELDS, bend_entry, bend_superblock, rehash

FILES = [
    PackageFile("demo.hello", "0.1.0", "payload.elf", b"\x7fELF" * 1025),
    PackageFile("system", "1.0.0", "build.prop", b"ro.nexus.build=dev\n"),
    PackageFile("system", "1.0.0", "data/empty", b""),
]
IMAGE = build_image(FILES)


def test_golden_bytes() -> None:
    image = build_image([PackageFile("b", "1", "p", b"xy")])
    index = bytes.fromhex(
        "01000000" + "0100" + "0100" + "0100" + "0000" + "00" * 8 + "0200000000000000" + "623170"
    )
    head = bytes.fromhex(
        "504b47494d475632" + "0200" + "0000" + "4c00000000000000" + "1f00000000000000"
        "0002000000000000" + "0010000000000000"
    )
    assert image == (head + hashlib.sha256(index).digest() + index).ljust(512, b"\0") + (
        b"xy".ljust(4096, b"\0")
    )


def test_reads_back_sorted_whatever_the_order() -> None:
    for files in permutations(FILES):
        assert build_image(files) == IMAGE
    read = read_image(IMAGE)
    assert [entry.name for entry in read.entries] == [
        "demo.hello@0.1.0/payload.elf",
        "system@1.0.0/build.prop",
        "system@1.0.0/data/empty",
    ]
    assert [read.read(entry) for entry in read.entries] == [file.data for file in FILES]
    assert len(IMAGE) % 512 == 0


def test_a_part_is_clamped_to_the_file() -> None:
    read = read_image(IMAGE)
    entry = read.entries[1]
    whole = FILES[1].data
    for offset, length in [(0, 4), (3, 100), (18, 1), (19, 1), (20, 1), (1 << 40, 5), (0, 0)]:
        assert read.read(entry, offset, length) == whole[offset : offset + length]


def test_an_empty_image_is_one() -> None:
    assert read_image(build_image([])).entries == ()


def test_bytes_behind_the_data_are_the_drives() -> None:
    assert read_image(IMAGE + b"\xff" * 512).entries == read_image(IMAGE).entries


def test_order_is_that_of_bytes_and_of_fields() -> None:
    files = [
        PackageFile(b, v, p, b"") for b in ("a", "a-", "é") for v in ("1",) for p in ("x", "X")
    ]
    names = [entry.name for entry in read_image(build_image(files)).entries]
    assert names == ["a@1/X", "a@1/x", "a-@1/X", "a-@1/x", "é@1/X", "é@1/x"]


@pytest.mark.parametrize(("field", "value", "fault"), FIELDS)
def test_every_field_of_the_superblock(field: str, value: int | bytes, fault: Fault) -> None:
    with pytest.raises(PackageImageError) as caught:
        read_image(bend_superblock(IMAGE, field, value))
    assert caught.value.fault is fault
    assert "\n" not in str(caught.value)


_COUNT_AT = SUPERBLOCK.size
_DATA_LEN = 4096 * 3

ENTRY_FIELDS: list[tuple[int, str, int, Fault]] = [
    # The second of the three files, `system 1.0.0 build.prop` at 8192, with 19 bytes.
    (1, "bundle_len", 0, Fault.NAME),
    (1, "bundle_len", 257, Fault.LIMIT),
    (1, "version_len", 0, Fault.NAME),
    (1, "version_len", 257, Fault.LIMIT),
    (1, "path_len", 0, Fault.PATH),
    (1, "path_len", 1025, Fault.LIMIT),
    (1, "path_len", 1000, Fault.BOUNDS),
    (1, "reserved", 1, Fault.RESERVED),
    (1, "data_off", 1, Fault.ALIGNMENT),
    (1, "data_off", 8191, Fault.ALIGNMENT),
    (1, "data_off", _DATA_LEN, Fault.BOUNDS),
    (1, "data_off", (1 << 64) - 4096, Fault.BOUNDS),
    (1, "len", 4097, Fault.BOUNDS),
    (1, "len", (1 << 64) - 1, Fault.LIMIT),
    (1, "len", (32 << 20) + 1, Fault.LIMIT),
]


@pytest.mark.parametrize(("number", "field", "value", "fault"), ENTRY_FIELDS)
def test_every_field_of_an_entry(number: int, field: str, value: int, fault: Fault) -> None:
    with pytest.raises(PackageImageError) as caught:
        read_image(bend_entry(IMAGE, number, field, value))
    assert caught.value.fault is fault


@pytest.mark.parametrize(
    ("count", "fault"),
    [(0, Fault.TRAILING), (2, Fault.TRAILING), (4, Fault.BOUNDS), (65_537, Fault.LIMIT)],
)
def test_a_wrong_count_of_entries_is_refused(count: int, fault: Fault) -> None:
    bent = bytearray(IMAGE)
    struct.pack_into("<I", bent, _COUNT_AT, count)
    with pytest.raises(PackageImageError) as caught:
        read_image(rehash(bytes(bent)))
    assert caught.value.fault is fault


STRINGS: list[tuple[bytes, bytes, Fault]] = [
    (b"build.prop", b"../../etc/", Fault.PATH),
    (b"build.prop", b"buil/./rop", Fault.PATH),
    (b"build.prop", b"build//rop", Fault.PATH),
    (b"build.prop", b"/uild.prop", Fault.PATH),
    (b"build.prop", b"build.pro/", Fault.PATH),
    (b"build.prop", b"build\\prop", Fault.PATH),
    (b"build.prop", b"build\0prop", Fault.PATH),
    (b"build.prop", b"build\xffprop", Fault.PATH),
    (b"demo.hello", b"demo/hello", Fault.NAME),
    (b"demo.hello", b"demo@hello", Fault.NAME),
    (b"demo.hello", b"demo\\hello", Fault.NAME),
    (b"demo.hello", b"zemo.hello", Fault.ORDER),
    (b"data/empty", b"build.prop", Fault.DUPLICATE),
    (b"data/empty", b"atad/empty", Fault.ORDER),
]


@pytest.mark.parametrize(("old", "new", "fault"), STRINGS)
def test_every_string_of_the_index(old: bytes, new: bytes, fault: Fault) -> None:
    assert IMAGE.count(old) == 1
    with pytest.raises(PackageImageError) as caught:
        read_image(rehash(IMAGE.replace(old, new)))
    assert caught.value.fault is fault


def test_every_truncation_is_refused() -> None:
    for length in [*range(800), *range(800, len(IMAGE), 997), len(IMAGE) - 1]:
        with pytest.raises(PackageImageError):
            read_image(IMAGE[:length])


def test_every_flipped_bit_of_head_and_index_is_refused() -> None:
    index_len = SUPERBLOCK.unpack_from(IMAGE)[4]
    for bit in range((SUPERBLOCK.size + index_len) * 8):
        bent = bytearray(IMAGE)
        bent[bit // 8] ^= 1 << (bit % 8)
        with pytest.raises(PackageImageError):
            read_image(bytes(bent))


def accepted(data: bytes) -> list[PackageImage]:
    """Return what bytes are read as; nothing if they are not an image."""
    with suppress(PackageImageError):
        return [read_image(data)]
    return []


# Any byte; and parts of paths, which single bytes would hardly ever make.
BENDS = st.binary(min_size=1, max_size=1) | st.sampled_from(
    [b"/../", b"../", b"/..", b"/./", b"//"]
)
IN_A_PATH = st.integers(0, 5).map(lambda at: IMAGE.index(b"data/empty") + at)


@given(st.data())
def test_a_bent_index_with_a_right_hash_stays_in_bounds(data: st.DataObject) -> None:
    bent = bytearray(IMAGE)
    index_len = SUPERBLOCK.unpack_from(IMAGE)[4]
    for _ in range(data.draw(st.integers(1, 4))):
        bend = data.draw(BENDS)
        end = SUPERBLOCK.size + index_len - len(bend)
        place = data.draw(st.integers(SUPERBLOCK.size, end) | IN_A_PATH)
        bent[place : place + len(bend)] = bend
    for read in accepted(rehash(bytes(bent))):
        assert all(len(read.read(entry)) == entry.size for entry in read.entries)
        assert not any(".." in entry.path.split("/") for entry in read.entries)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_raise_nothing_else(tail: bytes) -> None:
    for image in (tail, IMAGE[:76] + tail, IMAGE[:12] + tail):
        with pytest.raises(PackageImageError):
            read_image(image)


BAD: list[tuple[PackageFile, str]] = [
    (PackageFile("", "1", "p", b""), "bundle ''"),
    (PackageFile("a/b", "1", "p", b""), "bundle 'a/b'"),
    (PackageFile("..", "1", "p", b""), r"bundle '\.\.'"),
    (PackageFile("b" * 257, "1", "p", b""), "bundle 'b"),
    (PackageFile("b", "1@2", "p", b""), "version '1@2'"),
    (PackageFile("b", "1", "", b""), "path ''"),
    (PackageFile("b", "1", "/p", b""), "path '/p'"),
    (PackageFile("b", "1", "a/../p", b""), r"path 'a/\.\./p'"),
    (PackageFile("b", "1", "p" * 1025, b""), "path 'p"),
    (PackageFile("system", "1.0.0", "build.prop", b"again"), "is given twice"),
]


@pytest.mark.parametrize(("file", "said"), BAD)
def test_what_an_image_cannot_hold_is_not_built(file: PackageFile, said: str) -> None:
    with pytest.raises(ImageError, match=said):
        build_image([*FILES, file])


@pytest.mark.parametrize(
    ("limit", "value"), [("ENTRIES_MAX", 2), ("INDEX_BYTES_MAX", 90), ("FILE_BYTES_MAX", 4099)]
)
def test_limits_hold_for_builder_and_reader(
    limit: str, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package_image, limit, value)
    with pytest.raises(ImageError, match=f"expected up to {value}"):
        build_image(FILES)
    with pytest.raises(PackageImageError) as caught:
        read_image(IMAGE)
    assert caught.value.fault is Fault.LIMIT


@pytest.mark.parametrize("limit", [100, 4096 * 3])
def test_an_image_beyond_the_limit_is_refused(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package_image, "IMAGE_BYTES_MAX", limit)
    checks: list[Callable[[], object]] = [lambda: build_image(FILES), lambda: read_image(IMAGE)]
    for check in checks:
        with pytest.raises(ImageError, match=r"limit|expected up to"):
            check()


def test_an_entry_knows_its_name_and_place() -> None:
    assert Entry("b", "1", "p/q", 0, 0).name == "b@1/p/q"
    assert ENTRY.size == 24
