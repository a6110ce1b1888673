"""Directories as the protocol's own classes write them, and malformed bytes."""

from __future__ import annotations

from contextlib import suppress

import pytest
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as messages
from hypothesis import given
from hypothesis import strategies as st

from nexus.remotecache import trees
from nexus.remotecache.trees import TreeError

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
DIGESTS = st.builds(
    messages.Digest, hash=st.text("0123456789abcdef", min_size=64, max_size=64),
    size_bytes=st.integers(0, 2**62),
)  # fmt: skip
DIRECTORIES = st.builds(
    messages.Directory,
    files=st.lists(
        st.builds(messages.FileNode, name=NAMES, digest=DIGESTS, is_executable=st.booleans()),
        max_size=4,
    ),
    directories=st.lists(st.builds(messages.DirectoryNode, name=NAMES, digest=DIGESTS), max_size=4),
    symlinks=st.lists(st.builds(messages.SymlinkNode, name=NAMES, target=NAMES), max_size=4),
)

GOLDEN = bytes.fromhex("0a0b0a016112060a0261621007120a0a016212050a016310011a060a016c120174")


def test_a_directory_is_read_byte_for_byte() -> None:
    assert trees.entries(GOLDEN[:13]) == {"a": ("file", "ab/7")}
    assert trees.entries(GOLDEN) == {
        "a": ("file", "ab/7"),
        "b": ("directory", "c/1"),
        "l": ("link to", "t"),
    }


@given(DIRECTORIES)
def test_what_the_protocol_writes_is_read(directory: messages.Directory) -> None:
    expected = {
        node.name: (
            "executable" if node.is_executable else "file",
            f"{node.digest.hash}/{node.digest.size_bytes}",
        )
        for node in directory.files
    }
    expected |= {
        node.name: ("directory", f"{node.digest.hash}/{node.digest.size_bytes}")
        for node in directory.directories
    }
    expected |= {node.name: ("link to", node.target) for node in directory.symlinks}
    assert trees.entries(directory.SerializeToString()) == expected


def test_every_truncation_is_refused_or_is_a_shorter_directory() -> None:
    whole = (0, 13, 25)
    for end in whole:
        trees.entries(GOLDEN[:end])
    for end in [end for end in range(len(GOLDEN)) if end not in whole]:
        with pytest.raises(TreeError):
            trees.entries(GOLDEN[:end])


@given(st.binary(max_size=40))
def test_any_bytes_are_a_directory_or_refused(blob: bytes) -> None:
    with suppress(TreeError):
        trees.entries(blob)


@pytest.mark.parametrize("text", ["", "ab", "ab/", "ab/x", "ab/-1", "ab/٣"])
def test_what_is_not_a_digest_is_none(text: str) -> None:
    assert trees.parse_digest(text) is None
