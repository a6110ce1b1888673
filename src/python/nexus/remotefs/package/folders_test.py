"""Folders out of a listing: names apart, what lies in each, what a path names."""

from __future__ import annotations

import pytest

from nexus.remotefs.package.folders import children, entry_of, no_bundles, split_bundle
from nexus.remotefs.package.path import PackageError
from nexus.remotefs.package.replies import Listed
from nexus.wire.package_stream import Entry
from nexus.wire.packagefs import Kind, Status

LISTED = [
    Listed(path, size, "0" * 64)
    for path, size in (
        ("z.txt", 3),
        ("bin/tool", 5),
        ("bin/lib/one", 7),
        ("bin/lib/two", 0),
        ("binary", 9),
        ("a.txt", 1),
        ("odd//name", 2),
        ("/root", 4),
    )
]


@pytest.mark.parametrize(
    ("name", "bundle", "inner"),
    [
        ("pkg:/system", "pkg:/system", ""),
        ("pkg:/system/bin/tool", "pkg:/system", "bin/tool"),
        ("/packages/system/bin/tool", "/packages/system", "bin/tool"),
    ],
)
def test_a_name_is_a_bundle_and_a_path(name: str, bundle: str, inner: str) -> None:
    assert split_bundle(name) == (bundle, inner)


@pytest.mark.parametrize("name", ["", "system", "pkg", "http:/x"])
def test_what_names_no_bundle_is_refused(name: str) -> None:
    with pytest.raises(PackageError):
        split_bundle(name)


@pytest.mark.parametrize(
    ("inner", "names"),
    [
        (
            "",
            [
                Entry(Kind.FILE, "a.txt", 1),
                Entry(Kind.FOLDER, "bin"),
                Entry(Kind.FILE, "binary", 9),
                Entry(Kind.FOLDER, "odd"),
                Entry(Kind.FILE, "z.txt", 3),
            ],
        ),
        ("bin", [Entry(Kind.FOLDER, "lib"), Entry(Kind.FILE, "tool", 5)]),
        ("bin/lib", [Entry(Kind.FILE, "one", 7), Entry(Kind.FILE, "two", 0)]),
        ("bin/tool", []),
        ("bi", []),
        ("odd", []),
        ("none", []),
    ],
)
def test_a_folder_has_what_lies_right_below_it_by_name(inner: str, names: list[Entry]) -> None:
    assert children(LISTED, inner) == names
    assert children(reversed(LISTED), inner) == names


@pytest.mark.parametrize(
    ("inner", "entry"),
    [
        ("", Entry(Kind.FOLDER, "")),
        ("a.txt", Entry(Kind.FILE, "a.txt", 1)),
        ("bin", Entry(Kind.FOLDER, "bin")),
        ("bin/lib/two", Entry(Kind.FILE, "bin/lib/two", 0)),
        ("bin/li", None),
        ("none", None),
    ],
)
def test_a_path_names_a_file_a_folder_or_nothing(inner: str, entry: Entry | None) -> None:
    assert entry_of(iter(LISTED), inner) == entry


def test_an_empty_listing_is_one_empty_folder() -> None:
    assert children([], "") == []
    assert entry_of([], "") == Entry(Kind.FOLDER, "")
    assert entry_of([], "x") is None


def test_a_peer_that_cannot_list_its_bundles_is_a_bad_request() -> None:
    error = no_bundles("pkg:/")
    assert error.status is Status.BAD_REQUEST
    assert str(error).startswith("BAD_REQUEST: pkg:/: ")
