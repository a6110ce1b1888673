"""Names among the bundles of a node: which version, what is a folder, what a folder shows."""

from __future__ import annotations

import io

import pytest

from nexus.image.package_image import PackageFile, build_image, read_image
from nexus.remotefs.package.backend import File, ImageBackend, ListingBackend, MemoryBackend
from nexus.remotefs.package.raw_file import RawFile, sought
from nexus.remotefs.package.tree import FOLDER, Folder, Tree

TREE: Tree[int] = Tree(
    [
        ("app", "2.0", "bin/tool", 1),
        ("app", "10.0", "bin/tool", 2),
        ("app", "10.0", "bin/lib/one", 3),
        ("app", "10.0", "readme", 4),
        ("app", "10.0", "readme/below", 5),
        ("\u00e4", "1", "x", 6),
        ("z", "1", "x", 7),
    ]
)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("app/bin/tool", 1),
        ("app@2.0/bin/tool", 1),
        ("app@10.0/bin/tool", 2),
        ("app@10.0/readme", 4),
        ("app@10.0/readme/below", 5),
        ("app", FOLDER),
        ("app@10.0", FOLDER),
        ("app@10.0/bin", FOLDER),
        ("app@10.0/bin/lib", FOLDER),
        ("app/bin/lib", None),
        ("app@10.0/bin/li", None),
        ("app@10.0/bin/tool/x", None),
        ("app@1", None),
        ("app@", None),
        ("none", None),
        ("none/x", None),
        ("", None),
    ],
)
def test_a_name_leads_to_a_file_a_folder_or_nowhere(name: str, found: object) -> None:
    """Without a version it is the last one in the order of bytes, and not in that of numbers."""
    assert TREE.find(name) == found


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("", [("app@10.0", FOLDER), ("app@2.0", FOLDER), ("z@1", FOLDER), ("\u00e4@1", FOLDER)]),
        ("app", [("bin", FOLDER)]),
        ("app@2.0", [("bin", FOLDER)]),
        ("app@10.0", [("bin", FOLDER), ("readme", 4)]),
        ("app@10.0/bin", [("lib", FOLDER), ("tool", 2)]),
        ("app@10.0/bin/lib", [("one", 3)]),
        ("app@10.0/readme", None),
        ("app@10.0/bin/li", None),
        ("none", None),
    ],
)
def test_a_folder_shows_what_lies_right_below_it(
    name: str, found: list[tuple[str, int | Folder]] | None
) -> None:
    assert TREE.children(name) == found


def test_a_file_wins_over_a_folder_of_its_name_in_either_order() -> None:
    files = [("b", "1", "a", 1), ("b", "1", "a/below", 2)]
    for order in (files, files[::-1]):
        tree = Tree(order)
        assert tree.find("b/a") == 1
        assert tree.children("b") == [("a", 1)]


FILES = [PackageFile("app", "1", "a/b", b"0123456789"), PackageFile("app", "1", "c", b"")]


@pytest.mark.parametrize(
    "backend", [MemoryBackend(FILES), ImageBackend(read_image(build_image(FILES)))], ids=["m", "i"]
)
def test_either_backend_finds_lists_and_reads(backend: ListingBackend) -> None:
    assert isinstance(backend, ListingBackend)
    found = backend.find("app/a/b")
    assert isinstance(found, File)
    assert found.size == 10
    assert [backend.read(found, *where) for where in ((0, 10), (3, 4), (8, 9), (10, 1))] == [
        b"0123456789",
        b"3456",
        b"89",
        b"",
    ]
    assert backend.find("app/a") == FOLDER
    assert backend.find("app/b") is None
    assert backend.children("") == [("app@1", FOLDER)]
    listed = backend.children("app")
    assert listed is not None
    assert [(name, isinstance(value, File)) for name, value in listed] == [
        ("a", False),
        ("c", True),
    ]
    assert backend.children("app/c") is None


@pytest.mark.parametrize(
    ("offset", "whence", "place"),
    [
        (0, io.SEEK_SET, 0),
        (99, io.SEEK_SET, 99),
        (-4, io.SEEK_CUR, 0),
        (3, io.SEEK_CUR, 7),
        (-10, io.SEEK_END, 0),
        (1, io.SEEK_END, 11),
    ],
)
def test_a_place_is_sought_from_one_of_three(offset: int, whence: int, place: int) -> None:
    assert sought(4, 10, offset, whence) == place


@pytest.mark.parametrize(
    ("offset", "whence"),
    [(-1, io.SEEK_SET), (-5, io.SEEK_CUR), (-11, io.SEEK_END), (0, 3), (0, -1)],
)
def test_a_place_before_the_beginning_or_from_elsewhere_is_named(offset: int, whence: int) -> None:
    with pytest.raises(ValueError, match="seek") as caught:
        sought(4, 10, offset, whence)
    assert str(caught.value) == f"seek to {offset} from {whence}; expected places from 0 on"


class Ten(RawFile):
    """A file of ten bytes, which says what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[int | None] = []

    def read(self, size: int | None = -1) -> bytes:
        """Read."""
        self.asked.append(size)
        return b"0123456789"[: None if size is None or size < 0 else size]


def test_a_raw_file_is_read_into_a_buffer_and_to_its_end() -> None:
    file = Ten()
    buffer = bytearray(b"x" * 12)
    assert file.readinto(buffer) == 10
    assert bytes(buffer) == b"0123456789xx"
    assert file.readinto(memoryview(buffer)[:3]) == 3
    assert file.readall() == b"0123456789"
    assert file.asked == [12, 3, -1]
    assert (file.readable(), file.seekable(), file.writable()) == (True, True, False)
