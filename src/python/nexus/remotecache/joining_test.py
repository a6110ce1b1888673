"""Which workers may join, and how much a machine takes."""

from __future__ import annotations

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
