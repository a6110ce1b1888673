"""The report of a worker on its machine: whether it takes processes, and one line if not."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import NamedTuple

import pytest

from nexus.remotecache.reporting import Health
from nexus.remotecache.worker import OPEN_FILES_MAX, Condition, Wish, limit_open_files

KEPT = 10_000


class Disk(NamedTuple):
    """The room on a disk, as far as the system is asked."""

    f_bavail: int
    f_frsize: int = 1


def set_room(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _path: Disk(size))


def test_a_disk_without_room_is_one_line_and_another_when_there_is_room(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    condition = Condition(tmp_path, Wish(), KEPT)
    seen: list[Health] = []
    for size in (KEPT, KEPT - 1, 5, KEPT, KEPT):
        set_room(monkeypatch, size)
        seen.append(condition.health())
    assert seen == [Health.OK, Health.UNHEALTHY, Health.UNHEALTHY, Health.OK, Health.OK]
    assert capsys.readouterr().out.splitlines() == [
        f"worker: no process is taken: the disk of {tmp_path} has 9999 bytes left, and 10000 are "
        "to be kept (--free); make room, or give another --folder",
        f"worker: the disk of {tmp_path} has room again",
    ]


def test_a_folder_that_is_gone_has_no_room(tmp_path: Path) -> None:
    assert Condition(tmp_path / "gone", Wish(), KEPT).health() is Health.UNHEALTHY


def test_a_failure_on_a_full_disk_is_the_machine_s_whatever_the_runner_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    condition = Condition(tmp_path, Wish(), 0)
    set_room(monkeypatch, 5)
    condition.failed("Error staging", False)
    assert condition.health() is Health.UNHEALTHY
    assert "no process is taken for 20 s: Error staging" in capsys.readouterr().out


def test_one_that_drains_says_so_before_all_else(tmp_path: Path) -> None:
    wish = Wish()
    wish.ask(15, None)
    assert Condition(tmp_path / "gone", wish, KEPT).health() is Health.ENDING


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((1_000_000, 2_000_000), (OPEN_FILES_MAX, 2_000_000)),
        ((1024, 4096), (1024, 4096)),
        (
            (resource.RLIM_INFINITY, resource.RLIM_INFINITY),
            (OPEN_FILES_MAX, resource.RLIM_INFINITY),
        ),
    ],
)
def test_a_runner_does_not_begin_with_a_million_open_files(
    before: tuple[int, int], after: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _which: before)
    monkeypatch.setattr(resource, "setrlimit", lambda _which, limits: seen.append(limits))
    limit_open_files()
    assert seen == [after]
