"""A share of a processor: where the kernel takes it, and the words for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nexus.bench import processor_share
from nexus.bench.processor_share import controller, settings, share
from nexus.bench.started import RunFailedError

FIRST = """\
proc /proc proc rw 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0
cgroup /sys/fs/cgroup/cpuset cgroup rw,relatime,cpuset 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0
"""
SECOND = """\
proc /proc proc rw 0 0
cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0
"""


def test_controller_of_the_first_version_where_both_are_mounted() -> None:
    assert controller(FIRST) == (Path("/sys/fs/cgroup/cpu,cpuacct"), 1)


def test_controller_of_the_second_version() -> None:
    assert controller(SECOND) == (Path("/sys/fs/cgroup"), 2)


def test_without_a_controller() -> None:
    with pytest.raises(RunFailedError, match="no cgroup is mounted here"):
        controller("proc /proc proc rw 0 0\n")


def test_quota_of_both_versions() -> None:
    assert settings(1, 50)["cpu.cfs_quota_us"] == "50000"
    assert settings(1, 50)["cpu.cfs_period_us"] == "100000"
    assert settings(2, 25)["cpu.max"] == "25000 100000"


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for a mounted controller; it has none of the kernel's files."""
    mounts = tmp_path / "mounts"
    mounts.write_text(f"cgroup2 {tmp_path}/groups cgroup2 rw 0 0\n", encoding="utf-8")
    monkeypatch.setattr(processor_share, "MOUNTS", mounts)
    return tmp_path / "groups"


def test_refused_group_says_what_would_help(mounted: Path) -> None:
    with (
        pytest.raises(
            RunFailedError,
            match=r"^--share: .*groups/worker-\d+: No such file.*; root may do this, where /",
        ),
        share(50, "worker"),
    ):
        pass
    assert not mounted.exists()


def test_error_of_what_is_measured_is_not_the_groups(
    mounted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted.mkdir()
    monkeypatch.setattr(processor_share, "_free", lambda group: None)  # The kernel's part.
    with pytest.raises(FileNotFoundError, match="log"), share(50, "worker"):
        (mounted / "log").read_text(encoding="utf-8")


def test_group_that_is_not_free_is_named(mounted: Path) -> None:
    mounted.mkdir()
    with pytest.raises(RunFailedError, match=r"^--share: .*; end what runs in it"), share(50, "w"):
        # A folder that stands in is not empty, as the kernel's would be.
        (mounted / f"w-{os.getpid()}" / "cgroup.procs").touch()
