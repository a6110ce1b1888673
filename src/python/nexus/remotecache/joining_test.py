"""The workers that may join, and the number of processes that a machine takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from nexus.remotecache import joining

GIB = 1024**3


def test_a_machine_of_our_kind_may_join() -> None:
    assert joining.misfit(joining.own_properties([("pool", "big")])) == ""


@pytest.mark.parametrize("key", [joining.VERSION_KEY, joining.SYSTEM_KEY, joining.ISA_KEY])
def test_one_of_another_kind_is_told_which(key: str) -> None:
    told = [(name, "other" if name == key else value) for name, value in joining.own_properties([])]
    assert joining.misfit(told).startswith(f"a worker with {key} 'other'; this server takes")
    without = [(name, value) for name, value in told if name != key]
    assert joining.misfit(without).startswith(f"a worker with {key} ''")


@pytest.mark.parametrize(
    ("cores", "memory", "jobs"), [(8, 64 * GIB, 8), (8, 3 * GIB, 3), (8, 1, 1), (1, 64 * GIB, 1)]
)
def test_cores_and_memory_bound_what_is_taken(cores: int, memory: int, jobs: int) -> None:
    assert joining.capacity(cores, memory) == jobs


@pytest.mark.parametrize(
    ("memory", "cpu", "jobs"),
    [
        ("max\n", "max 100000\n", 8),
        (f"{3 * GIB}\n", "max 100000\n", 3),
        ("max\n", "200000 100000\n", 2),
        ("max\n", "50000 100000\n", 1),
        ("0\n", "0 0\n", 1),
        ("", "", 8),
        ("much", "1 2 3", 8),
        ("\xff", "\xff", 8),
    ],
)
def test_a_container_takes_no_more_than_it_is_given(
    memory: str, cpu: str, jobs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _process: set(range(8)))
    monkeypatch.setattr("os.sysconf", lambda name: 64 * GIB if "PAGES" in name else 1)
    (tmp_path / "memory.max").write_bytes(memory.encode("latin-1"))
    (tmp_path / "cpu.max").write_bytes(cpu.encode("latin-1"))
    assert joining.own_capacity(tmp_path) == jobs
    assert joining.own_capacity(tmp_path / "none") == 8
