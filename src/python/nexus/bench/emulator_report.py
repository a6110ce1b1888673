"""The figures as tables that go into docs/performance.md as they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import geometric_mean
from typing import Any, Final

from nexus.bench.guest_workload import WORKLOADS

_QEMU: Final = "qemu"


def as_text(result: Mapping[str, Any]) -> str:
    """All tables, in Markdown."""
    host = result["host"]
    lines = [
        f"{host['cpu']}, {host['system']}, CPython {host['python']}, QEMU {host['qemu']},"
        f" {host['date']}; medians of {result['rounds']} interleaved rounds.",
        "",
    ]
    lines += _workloads(result["workloads"])
    lines += ["", *_start(result["start"])]
    if result["worlds"]:
        lines += ["", *_worlds(result["worlds"])]
    if not result["answers_agree"]:
        lines += ["", "THE ENGINES DISAGREE: checksums differ."]
    return "\n".join(lines)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [_row(head), _row(["---"] * len(head)), *map(_row, rows)]


def _workloads(figures: Mapping[str, Mapping[str, Any]]) -> list[str]:
    engines = list(next(iter(figures.values())))
    rows = []
    ratios: dict[str, list[float]] = {engine: [] for engine in engines}
    for name, found in figures.items():
        cells = [name]
        for engine in engines:
            mips = found[engine]["mips"]
            ratio = mips / found[_QEMU]["mips"] if _QEMU in found else None
            cells.append(f"{mips:.0f}" + (f" ({ratio:.2f})" if ratio is not None else ""))
            if ratio is not None and WORKLOADS[name].is_compute:
                ratios[engine].append(ratio)
        rows.append(cells)
    if all(ratios.values()):
        means = [f"({geometric_mean(ratios[engine]):.2f})" for engine in engines]
        rows.append(["geometric mean of the compute workloads", *means])
    steady = _table(["steady state, MIPS (QEMU = 1)", *engines], rows)
    whole = [engine for engine in engines if engine != "reference"]  # Its runs are shorter.
    walls = [
        [name, *(f"{found[engine]['wall_s']:.2f}" for engine in whole)]
        for name, found in figures.items()
    ]
    return [*steady, "", *_table(["whole process, s", *whole], walls)]


def _start(figures: Mapping[str, Mapping[str, float]]) -> list[str]:
    engines = list(figures)
    return _table(
        ["a guest that ends at once", *engines],
        [
            ["wall, ms", *(f"{1000 * figures[engine]['wall_s']:.0f}" for engine in engines)],
            ["processor, ms", *(f"{1000 * figures[engine]['cpu_s']:.0f}" for engine in engines)],
            ["resident, MiB", *(f"{figures[engine]['rss_kib'] / 1024:.0f}" for engine in engines)],
        ],
    )


def _worlds(figures: Mapping[str, Mapping[str, Mapping[str, float]]]) -> list[str]:
    engines = list(next(iter(figures.values())))
    rows = []
    for label, found in figures.items():
        for value, name in (("wall_s", "wall"), ("cpu_s", "processor")):
            base = found.get(_QEMU, {}).get(value)
            cells = [f"{label}: {name}"]
            for engine in engines:
                seconds = found[engine][value]
                cells.append(f"{seconds:.2f}" + (f" ({base / seconds:.2f})" if base else ""))
            rows.append(cells)
        sizes = (f"{found[engine]['rss_kib'] / 1024:.0f}" for engine in engines)
        rows.append([f"{label}: resident, MiB", *sizes])
    return _table(["the real guest, whole process, s (QEMU = 1)", *engines], rows)
