"""Ordinary tools open what a peer has, and cannot write."""

from __future__ import annotations

import hashlib

import fsspec
import pytest

from nexus.dsoftbus.policy import Rule
from nexus.image.package import build
from nexus.image.package_image import read_image
from nexus.image.package_manifest import parse_manifest
from nexus.remotefs.package.backend import ImageBackend
from nexus.remotefs.package.client import PackageClient
from nexus.remotefs.package.filesystem import PackageFileSystem, register
from nexus.remotefs.package.node_scene import EVERYTHING, TwoNodes

MANIFEST = """
[bundle]
name = "demo"
version = "1.0"
[[file]]
path = "readme"
generate = { bytes = 10, seed = "r" }
[[file]]
path = "data/a/table.csv"
source = "table"
[[file]]
path = "data/b.bin"
generate = { bytes = 70000, seed = "b" }
"""
TABLE = b"name,size\na,1\nb,2\n"


def filesystem(rules: tuple[Rule, ...] = EVERYTHING) -> PackageFileSystem:
    register()
    image = build([(parse_manifest(MANIFEST, "m"), lambda source: TABLE)])
    client = PackageClient(TwoNodes(ImageBackend(read_image(image)), rules))
    found = fsspec.filesystem("nexus", client=client)
    assert isinstance(found, PackageFileSystem)
    return found


def test_files_are_read_by_any_name() -> None:
    files = filesystem()
    for name in ("demo/data/a/table.csv", "nexus://demo@1.0/data/a/table.csv"):
        assert files.cat(name) == TABLE
        assert files.size(name) == len(TABLE)
        assert files.isfile(name)
    assert (
        files.cat_file("demo/data/b.bin", start=100, end=110)
        == (hashlib.shake_256(b"b").digest(70000)[100:110])
    )


def test_an_open_file_says_its_size_and_that_it_is_for_reading() -> None:
    for how in ({}, {"cache_type": "none"}):
        with filesystem().open("demo/data/b.bin", "rb", **how) as file:
            assert (file.size, file.read(1)) == (70_000, hashlib.shake_256(b"b").digest(1))
            assert file.readable()
            assert file.seekable()
            assert not file.writable()


def test_text_line_by_line() -> None:
    with filesystem().open("nexus://demo/data/a/table.csv", "r") as lines:
        assert [line.split(",")[0] for line in lines] == ["name", "a", "b"]


def test_reading_goes_on_where_it_was_and_without_a_size_to_the_end() -> None:
    whole = hashlib.shake_256(b"b").digest(70000)
    with filesystem().open("demo/data/b.bin", "rb", cache_type="none") as file:
        assert file.read(10) == whole[:10]
        assert file.read() == whole[10:]
        assert file.read() == b""
        file.seek(-5, 2)
        assert (file.tell(), file.read(-1), file.read(5)) == (69_995, whole[-5:], b"")
        file.seek(3)
        assert file.read(None) == whole[3:]
        file.seek(69_990)
        buffer = bytearray(20)
        assert file.readinto(buffer) == 10
        assert bytes(buffer[:10]) == whole[-10:]


def test_folders_are_listed_and_walked() -> None:
    files = filesystem()
    assert files.ls("demo", detail=False) == ["demo/data", "demo/readme"]
    assert files.ls("demo/data", detail=False) == ["demo/data/a", "demo/data/b.bin"]
    assert files.ls("demo/readme") == [{"name": "demo/readme", "size": 10, "type": "file"}]
    assert files.isdir("demo")
    assert files.isdir("nexus://demo/data/a")
    assert files.find("demo") == ["demo/data/a/table.csv", "demo/data/b.bin", "demo/readme"]
    assert files.glob("demo/data/*.bin") == ["demo/data/b.bin"]


def test_a_file_is_copied_to_a_disk(tmp_path: object) -> None:
    target = f"{tmp_path}/b.bin"
    filesystem().get("demo/data/b.bin", target)
    with open(target, "rb") as copy:
        assert copy.read() == hashlib.shake_256(b"b").digest(70000)


def test_what_is_not_there() -> None:
    files = filesystem()
    assert not files.exists("demo/none")
    assert not files.exists("none/none")
    for ask in (files.info, files.cat, files.ls, files.open):
        with pytest.raises(FileNotFoundError):
            ask("none/none")
    with pytest.raises(NotImplementedError, match="name one"):
        files.ls("")
    with pytest.raises(OSError, match="PATH_TRAVERSAL"):
        files.open("demo/../x")


def test_what_is_not_permitted() -> None:
    with pytest.raises(PermissionError, match="not permitted"):
        filesystem(()).cat("demo/readme")


def test_every_way_to_write_is_refused() -> None:
    files = filesystem()
    for mode in ("wb", "ab", "r+b"):
        with pytest.raises(PermissionError, match="read-only"):
            files.open("demo/readme", mode)
    with pytest.raises(NotImplementedError):
        files.rm("demo/readme")
