"""The report on hits, and on the changes behind a miss."""

from __future__ import annotations

import json
from typing import Any  # Any: JSON, as it is read.

import pytest
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as messages

from nexus.remotecache import cost
from nexus.remotecache.cost import CostError, Process
from nexus.remotecache.digest import digest_of
from nexus.remotecache.trees import Digest


def process(description: str = "Run Pytest - a_test.py", **other: Any) -> Process:
    values: dict[str, Any] = {
        "source": "Ran",
        "elapsed_ms": 1500,
        "saved_ms": 0,
        "argv": ("tool", "a"),
        "env": {"PATH": "1"},
        "inputs": "e3b0/0",
    }
    return Process(description=description, **{**values, **other})


class Store:
    """Directories by hash."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}

    def put(self, **entries: Any) -> str:
        """A directory: strings are contents of files, digests are directories."""
        made = messages.Directory()
        for name, value in sorted(entries.items()):
            if isinstance(value, bytes):
                made.files.add(name=name, digest=digest_of(value))
            elif value.startswith("->"):
                made.symlinks.add(name=name, target=value[2:])
            else:
                found, _, size = value.partition("/")
                made.directories.add(
                    name=name, digest=messages.Digest(hash=found, size_bytes=int(size))
                )
        blob = made.SerializeToString()
        digest = digest_of(blob)
        self.blobs[digest.hash] = blob
        return f"{digest.hash}/{digest.size_bytes}"

    def read(self, digest: Digest) -> bytes | None:
        return self.blobs.get(digest.hash)


@pytest.mark.parametrize(
    ("description", "kind"),
    [
        ("Run Pytest for src/a_test.py:tests", "python_test"),
        ("Test src/guest/lib/wire:tests", "zig_test"),
        ("Play links-0-19 of ci:simulate", "fault_world_test, fault_campaign"),
        ("Typecheck with mypy - 5 files", "Typecheck with mypy"),
        ("Running the `shell_command` at `//:step1`", "shell_command"),
        (
            "Building 4 requirements for requirements.pex from the x.lock",
            "pex_binary, requirements",
        ),
        ("Searching for `bash` on PATH=/usr/bin", "(the machine)"),
        ("Test binary /bin/bash.", "(the machine)"),
    ],
)
def test_processes_are_counted_by_kind(description: str, kind: str) -> None:
    assert process(description).kind == kind


def test_the_table_says_hits_and_seconds_by_kind_and_in_all() -> None:
    lines = cost.table(
        [
            process(),
            process(source="HitRemotely", elapsed_ms=10, saved_ms=2500),
            process("Lint - b", source="HitLocally", elapsed_ms=1, saved_ms=100),
        ]
    )
    assert [line.split() for line in lines[1:]] == [
        ["python_test", "2", "1", "1", "50%", "1.5", "2.5"],
        ["Lint", "1", "1", "0", "100%", "0.0", "0.1"],
        ["all", "3", "2", "1", "66%", "1.5", "2.6"],
    ]


def test_the_most_expensive_misses_come_first_and_are_ten() -> None:
    ran = [process(f"Lint - {number:02}", elapsed_ms=100 * number) for number in range(20)]
    lines = cost.misses(
        [*ran, process(source="HitRemotely", elapsed_ms=10**6)], None, lambda _: None
    )
    assert lines.pop() == "what had changed: give an older file of processes, --before FILE"
    assert len(lines) == 10
    assert lines[0] == "1.9 s  Lint - 19"


@pytest.mark.parametrize(
    ("then", "said"),
    [
        ({}, "nothing changed"),
        ({"argv": ("tool", "b")}, "its command changed: word 1 was 'b' and is 'a'"),
        ({"argv": ("tool",)}, "its command changed: it had 1 words and has 2"),
        ({"env": {"PATH": "2"}}, "its variables changed: the value of PATH"),
        ({"env": {}}, "its variables changed: PATH is new"),
        ({"env": {"PATH": "1", "X": "1"}}, "its variables changed: X is gone"),
        ({"inputs": "f00d/9"}, "its inputs changed: the root, whose directory f00d/9 is not in"),
    ],
)
def test_the_first_difference_is_named(then: dict[str, Any], said: str) -> None:
    assert cost.why(process(), [process(**then)], lambda _: None).startswith(said)


def test_a_process_that_is_new_is_said_to_be() -> None:
    assert cost.why(process(), [process("other")], lambda _: None).startswith("new")


def test_of_several_with_one_description_the_most_alike_is_compared() -> None:
    others = [process(argv=("x",)), process(env={"PATH": "2"}), process(argv=("y",))]
    assert cost.why(process(), others, lambda _: None).endswith("the value of PATH")


def test_the_file_that_changed_is_named_wherever_it_is() -> None:
    store = Store()
    same = store.put(a=b"same")
    old = store.put(deep=store.put(b=b"old", c=b"x"), same=same)
    new = store.put(deep=store.put(b=b"new", c=b"x"), same=same)
    said = cost.tree_difference(old, new, store.read)
    assert said == (
        f"deep/b was file {digest_of(b'old').hash}/3 and is file {digest_of(b'new').hash}/3"
    )
    assert cost.tree_difference(old, store.put(same=same), store.read) == "deep is gone"
    assert cost.tree_difference(store.put(same=same), old, store.read) == "deep is new"
    link = store.put(deep="->elsewhere", same=same)
    assert cost.tree_difference(link, old, store.read).startswith("deep was link to elsewhere")


def test_a_line_that_is_not_a_process_is_named() -> None:
    good = json.dumps(
        {"description": "d", "source": "Ran", "elapsed_ms": 1, "saved_ms": 0, "argv": [],
         "env": {}, "inputs": "e3b0/0"}
    )  # fmt: skip
    assert len(cost.parse(f"{good}\n{good}\n", "f").processes) == 2
    for bad in ("{}", "[]", "x", good[:-1], good.replace("{}", "3")):
        with pytest.raises(CostError, match="f: line 2 is neither a process nor bytes"):
            cost.parse(f"{good}\n{bad}\n", "f")


def test_the_bytes_of_all_runs_of_a_file_are_added() -> None:
    line = json.dumps({"bytes": {"fetched": 3 * 1024 * 1024, "written": 7}})
    assert cost.parse(f"{line}\n{line}\n", "f").moved == cost.Bytes(6 * 1024 * 1024, 14)
    assert str(cost.parse(line, "f").moved) == (
        "3.0 MiB of outputs fetched and not made here, 7 bytes written"
    )
    assert str(cost.Bytes(0, 0)).startswith("nothing was fetched from a shared cache")
    assert cost.parse(line, "f").processes == []
    assert cost.parse("", "f") == cost.Log([], None)
    for bad in ('{"bytes": {}}', '{"bytes": 3}', '{"bytes": {"fetched": "x", "written": 1}}'):
        with pytest.raises(CostError, match="f: line 1 is neither a process nor bytes"):
            cost.parse(bad, "f")
