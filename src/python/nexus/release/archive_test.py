"""An archive has its files and nothing of the machine that packed it."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from nexus.release.archive import TIME, ArchiveError, Entry, main, pack, read_list

ENTRIES = [Entry("pants", b"#!", is_executable=True), Entry("a/b.txt", b"text")]


def test_files_come_back_with_their_contents_and_modes() -> None:
    with tarfile.open(fileobj=io.BytesIO(pack("nexus", ENTRIES))) as archive:
        members = archive.getmembers()
        contents = [file.read() for m in members if (file := archive.extractfile(m))]

    assert [m.name for m in members] == ["nexus/a/b.txt", "nexus/pants"]
    assert contents == [b"text", b"#!"]
    assert [m.mode for m in members] == [0o644, 0o755]
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in members} == {(TIME, 0, 0, "", "")}


def test_order_of_the_list_does_not_matter() -> None:
    assert pack("nexus", ENTRIES) == pack("nexus", reversed(ENTRIES))
    assert pack("nexus", ENTRIES) != pack("nexus", ENTRIES[:1])


def run(folder: Path) -> bytes:
    (folder / "source").write_bytes(b"content")
    (folder / "list.json").write_text(json.dumps({"x": str(folder / "source")}))
    out = folder / "x.tar.gz"
    argv = ["--list", str(folder / "list.json"), "--folder", "nexus", "--out", str(out)]
    assert main(argv) == 0
    return out.read_bytes()


def test_time_of_a_file_does_not_reach_the_archive(tmp_path: Path) -> None:
    first = run(tmp_path)
    os.utime(tmp_path / "source", (1, 1))

    again = run(tmp_path)
    (tmp_path / "other").mkdir()
    out_of_other_folder = run(tmp_path / "other")

    assert first == again == out_of_other_folder


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../x", "./x", "a//b"])
def test_name_outside_the_folder_is_refused(name: str) -> None:
    with pytest.raises(ArchiveError, match="not a plain path"):
        pack("nexus", [Entry(name, b"")])


def test_nothing_and_twice_the_same_are_refused() -> None:
    with pytest.raises(ArchiveError, match="empty"):
        pack("nexus", [])
    with pytest.raises(ArchiveError, match="'x' is there twice"):
        pack("nexus", [Entry("x", b"1"), Entry("x", b"2")])


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}'])
def test_list_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ArchiveError, match=r"files\.json: "):
        read_list(text, "files.json")


def test_file_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list.json").write_text('{"x": "/no/such/file"}')
    argv = ["--list", str(tmp_path / "list.json"), "--folder", "n", "--out", str(tmp_path / "o")]

    assert main(argv) == 20
    assert capsys.readouterr().err == "error: /no/such/file: No such file or directory\n"
