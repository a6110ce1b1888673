"""The measured cost of a process is its own, not that of the benchmark that started it."""

from __future__ import annotations

import sys

import pytest

from nexus.bench.process import ProcessFailedError, run

_LARGE_BYTES = 128 << 20


def test_the_peak_of_memory_is_that_of_the_process_alone() -> None:
    ours = bytearray(b"x") * _LARGE_BYTES
    cost = run(["true"])
    assert len(ours) == _LARGE_BYTES
    assert 0 < cost.rss_kib < _LARGE_BYTES >> 11
    code = f"x = bytearray(b'x') * {_LARGE_BYTES}; print(len(x))"
    large = run([sys.executable, "-c", code])
    assert large.output == f"{_LARGE_BYTES}\n"
    assert large.rss_kib > _LARGE_BYTES >> 10


def test_a_process_takes_time() -> None:
    cost = run([sys.executable, "-c", "sum(range(1000000))"])
    assert cost.cpu_s > 0
    assert cost.wall_s > 0


def test_a_process_that_fails_is_not_measured() -> None:
    with pytest.raises(ProcessFailedError, match=r"^sh -c exit 3: exit code 3; expected 0$"):
        run(["sh", "-c", "exit 3"])


def test_a_process_that_never_ends_is_named() -> None:
    with pytest.raises(
        ProcessFailedError, match=r"^sleep 60: did not end within 0.2 s; it printed"
    ):
        run(["sleep", "60"], seconds_max=0.2)


def test_settings_of_the_benchmarks_own_pex_do_not_reach_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PEX_EXTRA_SYS_PATH", "/elsewhere")
    monkeypatch.setenv("PEX", "/bench.pex")
    monkeypatch.setenv("__PEX_UNVENDORED__", "1")
    monkeypatch.setenv("NEXUS_KEPT", "yes")
    names = run([sys.executable, "-c", "import os; print(*sorted(os.environ))"]).output.split()
    assert [name for name in names if "PEX" in name or name == "NEXUS_KEPT"] == ["NEXUS_KEPT"]
