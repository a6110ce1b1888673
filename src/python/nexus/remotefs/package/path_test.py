"""Names of package files: in the order in which a peer would refuse them, to the byte."""

from __future__ import annotations

import pytest

from nexus.remotefs.package.path import (
    FolderError,
    PackageError,
    check_name,
    is_segment,
    strip_scheme,
)
from nexus.wire.packagefs import PATH_BYTES_MAX, Status


@pytest.mark.parametrize("name", ["pkg:/a", "/packages/a", "pkg:/a/b c/.hidden", "pkg:/a/..b"])
def test_a_name_that_may_be_sent_is_what_it_was(name: str) -> None:
    assert check_name(name) == name
    assert strip_scheme(name) == name.removeprefix("pkg:/").removeprefix("/packages/")


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("", Status.OVERSIZED),
        ("a", Status.NON_PACKAGEFS_SCHEME),
        ("PKG:/a", Status.NON_PACKAGEFS_SCHEME),
        ("/package/a", Status.NON_PACKAGEFS_SCHEME),
        ("pkg:/", Status.OVERSIZED),
        ("/packages/", Status.OVERSIZED),
        *(
            (f"pkg:/a/{segment}/b", Status.PATH_TRAVERSAL)
            for segment in ("", ".", "..", "\\", "\0")
        ),
        ("pkg:/a/", Status.PATH_TRAVERSAL),
        ("pkg://a", Status.PATH_TRAVERSAL),
    ],
)
def test_a_name_that_a_peer_would_refuse_has_its_status(name: str, status: Status) -> None:
    with pytest.raises(PackageError) as caught:
        check_name(name)
    assert caught.value.status is status
    assert str(caught.value).startswith(f"{status.name}: ")


def test_a_name_has_as_many_bytes_as_there_may_be() -> None:
    assert PATH_BYTES_MAX == 192
    longest = "pkg:/".ljust(192, "x")
    assert check_name(longest) == longest
    for name in (longest + "x", longest[:-1] + "\u00fc", longest[:-1] + "\ud800\ud800"):
        with pytest.raises(PackageError, match=f"expected 1..{PATH_BYTES_MAX}") as caught:
            check_name(name)
        assert caught.value.status is Status.OVERSIZED


def test_a_segment_is_not_a_way_out() -> None:
    assert [is_segment(text) for text in ("a", "...", "a.b", " ")] == [True] * 4
    assert not any(map(is_segment, ("", ".", "..", "a\\b", "a\0b")))


def test_a_folder_where_a_file_is_needed_is_named() -> None:
    error = FolderError("pkg:/a/b")
    assert error.status is Status.IO
    assert str(error) == "IO: pkg:/a/b: is a folder"
