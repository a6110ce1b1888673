"""Folders of servers and workers: private, marked, used by one, and never of another owner."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest

from nexus.remotecache import folders
from nexus.remotecache.folders import SERVER, WORKER, Kind
from nexus.remotecache.processes import SettingError

KINDS = pytest.mark.parametrize("kind", [SERVER, WORKER], ids=lambda kind: kind.owner)


def take(folder: Path, kind: Kind) -> Path:
    """Take a folder and leave it again."""
    with contextlib.ExitStack() as stack:
        return folders.take(folder, kind, stack)


@KINDS
def test_a_folder_is_made_private_and_taken_again(tmp_path: Path, kind: Kind) -> None:
    made = take(tmp_path / "new" / "cache", kind)
    (made / "store").mkdir()
    assert made.stat().st_mode & 0o777 == 0o700
    assert take(made, kind) == made


@KINDS
def test_a_folder_is_used_by_one(tmp_path: Path, kind: Kind) -> None:
    with contextlib.ExitStack() as first:
        made = folders.take(tmp_path / "made", kind, first)
        with pytest.raises(SettingError, match="another remote_cache uses it"):
            take(made, kind)
    take(made, kind)


@KINDS
def test_a_new_file_system_is_empty(tmp_path: Path, kind: Kind) -> None:
    (tmp_path / "disk" / "lost+found").mkdir(parents=True)
    take(tmp_path / "disk", kind)


@KINDS
@pytest.mark.parametrize("entry", ["letters", ".profile", "store/", "keys/"])
def test_what_holds_something_else_stays_as_it_is(tmp_path: Path, kind: Kind, entry: str) -> None:
    place = tmp_path / entry
    place.mkdir() if entry.endswith("/") else place.touch()
    mode = tmp_path.stat().st_mode
    with pytest.raises(SettingError, match="holds something else; give an empty folder"):
        take(tmp_path, kind)
    assert (tmp_path.stat().st_mode, list(tmp_path.iterdir())) == (mode, [place])


@pytest.mark.parametrize("entries", [[SERVER.mark], SERVER.unmarked])
def test_a_server_s_folder_is_no_worker_s(tmp_path: Path, entries: list[str]) -> None:
    for entry in entries:
        (tmp_path / entry).mkdir()
    with pytest.raises(SettingError, match="is a server's; give the worker a folder of its own"):
        take(tmp_path, WORKER)


def test_a_worker_s_folder_is_no_server_s(tmp_path: Path) -> None:
    take(tmp_path / "made", WORKER)
    with pytest.raises(SettingError, match="holds something else"):
        take(tmp_path / "made", SERVER)


def test_a_worker_s_folder_from_before_there_were_marks_is_taken(tmp_path: Path) -> None:
    for name in WORKER.unmarked:
        (tmp_path / "old" / name).mkdir(parents=True)
    assert (take(tmp_path / "old", WORKER) / WORKER.mark).read_text() == WORKER.text


@KINDS
def test_one_of_another_version_is_refused(tmp_path: Path, kind: Kind) -> None:
    (tmp_path / kind.mark).write_text("format 9\n")
    with pytest.raises(SettingError, match=r"of 'format 9'; this version has 'format"):
        take(tmp_path, kind)


@KINDS
@pytest.mark.parametrize("place", ["file", "file/below", "/proc/nowhere"])
def test_what_cannot_be_a_folder_is_named(tmp_path: Path, kind: Kind, place: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingError, match=f"--folder: .*{place}: .*; expected a folder of this"):
        take(tmp_path / place, kind)


def test_a_server_s_folder_may_have_a_colon_in_its_path(tmp_path: Path) -> None:
    take(tmp_path / "a:b", SERVER)
    with pytest.raises(SettingError, match="must not have ':' in its path"):
        take(tmp_path / "a:b" / "worker", WORKER)


@KINDS
@pytest.mark.parametrize("mark", folders.SPOIL_ADDRESSES)
def test_a_path_that_no_address_can_have_is_refused(tmp_path: Path, kind: Kind, mark: str) -> None:
    with pytest.raises(SettingError, match=f"must not have '{re.escape(mark)}' in its path"):
        take(tmp_path / f"a{mark}b", kind)
    assert list(tmp_path.iterdir()) == []


@KINDS
@pytest.mark.parametrize("name", ["a b", "ä", "a;b"])
def test_other_paths_are_taken(tmp_path: Path, kind: Kind, name: str) -> None:
    take(tmp_path / name, kind)


@KINDS
@pytest.mark.parametrize("count", [1, 2], ids=["lock", "lock and empty mark"])
def test_a_folder_whose_taking_was_ended_in_the_middle_is_taken(
    tmp_path: Path, kind: Kind, count: int
) -> None:
    for name in ("lock", kind.mark)[:count]:
        (tmp_path / name).touch()
    assert (take(tmp_path, kind) / kind.mark).read_text() == kind.text
