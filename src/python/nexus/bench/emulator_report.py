"""The figures as tables that go into docs/performance.md as they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import geometric_mean
from typing import Final, Literal

from nexus.bench.bare_qemu import BARE
from nexus.bench.emulator_figures import Result, Steady, Stops, Whole
from nexus.bench.guest_cliff import FAULTS, OPERATIONS, PAIRS, STORMS
from nexus.bench.guest_harts import HARTS, MOST, ONE_HART
from nexus.bench.guest_workload import WORKLOADS

_QEMU: Final = "qemu"

# How many times the wall time of two bare QEMUs the world of two machines may take.
_BARE_TIMES_MAX: Final = 2.5

# The times of a whole process, and their names in a table.
_TIMES: Final[tuple[tuple[Literal["wall_s", "cpu_s"], str], ...]] = (
    ("wall_s", "wall"),
    ("cpu_s", "processor"),
)


def as_text(result: Result) -> str:
    """All tables, in Markdown."""
    host = result["host"]
    lines = [
        f"{host['cpu']}, {host['system']}, CPython {host['python']}, QEMU {host['qemu']},"
        f" {host['date']}; medians of {result['rounds']} interleaved rounds.",
        "",
    ]
    figures = result["workloads"]
    lines += _workloads({name: found for name, found in figures.items() if name in WORKLOADS})
    lines += ["", *_pairs(figures), "", *_storms(figures, result["divisor"])]
    if result["debugged"]:
        lines += ["", *_debugged(result["debugged"])]
    if result["stops"].get("left"):
        lines += ["", *_stops(result["stops"])]
    lines += ["", *_harts(figures), "", *_start(result["start"])]
    if result["programs"]:
        lines += ["", *_programs(result["programs"], result["start"])]
    if result["worlds"]:
        lines += ["", *_worlds(result["worlds"])]
        lines += ["", *_bare(result["worlds"])]
    if not result["answers_agree"]:
        lines += ["", "THE ENGINES DISAGREE: checksums differ."]
    return "\n".join(lines)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [_row(head), _row(["---"] * len(head)), *map(_row, rows)]


def _workloads(figures: Mapping[str, Mapping[str, Steady]]) -> list[str]:
    if not figures:
        return []
    engines = list(next(iter(figures.values())))
    rows = []
    for name, found in figures.items():
        cells = [name]
        for engine in engines:
            mips = found[engine]["mips"]
            ratio = f" ({mips / found[_QEMU]['mips']:.2f})" if _QEMU in found else ""
            cells.append(f"{mips:.0f}{ratio}")
        rows.append(cells)
    own = [name for name in figures if WORKLOADS[name].is_compute]
    others = [name for name in figures if WORKLOADS[name].is_held_out]
    for label, names in (("the compute workloads", own), ("those held out", others)):
        if names and _QEMU in engines:
            means = [_mean(figures, names, engine) for engine in engines]
            rows.append([f"geometric mean of {label}", *means])
    steady = _table(["steady state, MIPS (QEMU = 1)", *engines], rows)
    whole = [engine for engine in engines if engine != "reference"]  # Its runs are shorter.
    walls = [
        [name, *(f"{found[engine]['wall_s']:.2f}" for engine in whole)]
        for name, found in figures.items()
    ]
    return [*steady, "", *_table(["whole process, s", *whole], walls)]


def _mean(figures: Mapping[str, Mapping[str, Steady]], names: list[str], engine: str) -> str:
    """The mean ratio of an engine's rates to QEMU's."""
    ratios = [figures[name][engine]["mips"] / figures[name][_QEMU]["mips"] for name in names]
    return f"({geometric_mean(ratios):.2f})"


def _pairs(figures: Mapping[str, Mapping[str, Steady]]) -> list[str]:
    """The same code at a cliff and away from it, on each engine."""
    pairs = {cliff: plain for cliff, plain in PAIRS.items() if {cliff, plain} <= figures.keys()}
    if not pairs:
        return []
    engines = list(figures[next(iter(pairs))])
    rows = [
        [
            f"{cliff}, against {plain}",
            *(
                f"{figures[plain][engine]['steady_s'] / figures[cliff][engine]['steady_s']:.2f}"
                for engine in engines
            ),
        ]
        for cliff, plain in pairs.items()
    ]
    return _table(["the same code, speed at a cliff (away from it = 1)", *engines], rows)


def _storms(figures: Mapping[str, Mapping[str, Steady]], divisor: int) -> list[str]:
    """Render the cost of one operation of a kernel, and how it compares with QEMU."""
    names = [name for name in STORMS if name in figures]
    if not names:
        return []
    engines = [engine for engine in figures[names[0]] if engine != "reference"]
    rows = []
    for name in names:
        cells = [name]
        operations = max(1, STORMS[name].rounds // divisor) * OPERATIONS
        if name == FAULTS:
            operations = figures[name][engines[0]]["instructions"]
        for engine in engines:
            if name == FAULTS and engine == _QEMU:
                cells.append("")
                continue
            seconds = figures[name][engine]["steady_s"]
            is_compared = name != FAULTS and _QEMU in figures[name]
            base = figures[name][_QEMU]["steady_s"] if is_compared else None
            ratio = f" ({base / seconds:.2f})" if base else ""
            cells.append(f"{seconds / operations * 1e9:.1f}{ratio}")
        rows.append(cells)
    return _table(["an operation, ns (speed, QEMU = 1)", *engines], rows)


def _harts(figures: Mapping[str, Mapping[str, Steady]]) -> list[str]:
    """The processor time of the same work on several harts."""
    if ONE_HART not in figures:
        return []
    rows = []
    for name in HARTS:
        if name not in figures:
            continue
        cells = [name]
        for engine, figure in figures[name].items():
            ratio = figure["steady_s"] / figures[ONE_HART][engine]["steady_s"]
            missed = ", **missed**" if ratio > MOST.get(engine, ratio) else ""
            cells.append(f"{ratio:.2f} ({figure['steady_s']:.2f}){missed}")
        rows.append(cells)
    engines = figures[ONE_HART]
    rows.append(["at most", *(f"{MOST[it]}" if it in MOST else "" for it in engines)])
    head = "the same work, processor time (one hart = 1; s)"
    return _table([head, *figures[ONE_HART]], rows)


def _debugged(ratios: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Render the speed that is left while a debugger waits for a stop that does not come."""
    engines = list(next(iter(ratios.values())))
    rows = [[name, *(f"{found[e]:.2f}" for e in engines)] for name, found in ratios.items()]
    return _table(["speed between stops of a debugger (without one = 1)", *engines], rows)


def _stops(found: Stops) -> list[str]:
    """A stop that is never met, as speed; and one that is met, as time."""
    engines = list(next(iter(found["left"].values())))
    rows = [[name, *(f"{of[e]:.2f}" for e in engines)] for name, of in found["left"].items()]
    times = [[name, *(f"{of[e]:.0f} us" for e in engines)] for name, of in found["met_us"].items()]
    return _table(
        ["a stop (speed without one = 1; time of one that is met)", *engines], rows + times
    )


def _start(figures: Mapping[str, Whole]) -> list[str]:
    engines = list(figures)
    return _table(
        ["a guest that ends at once", *engines],
        [
            ["wall, ms", *(f"{1000 * figures[engine]['wall_s']:.0f}" for engine in engines)],
            ["processor, ms", *(f"{1000 * figures[engine]['cpu_s']:.0f}" for engine in engines)],
            ["resident, MiB", *(f"{figures[engine]['rss_kib'] / 1024:.0f}" for engine in engines)],
        ],
    )


def _programs(programs: Mapping[str, Whole], start: Mapping[str, Whole]) -> list[str]:
    """Render the cost of programs' starts, against a QEMU whose guest ends at once."""
    base = start[_QEMU]["cpu_s"] if _QEMU in start else None
    rows = []
    for name, found in programs.items():
        ratio = f" ({found['cpu_s'] / base:.1f})" if base else ""
        wall, processor = 1000 * found["wall_s"], 1000 * found["cpu_s"]
        rows.append([name, f"{wall:.0f}", f"{processor:.0f}{ratio}"])
    return _table(["a start", "wall, ms", "processor, ms (a bare QEMU = 1)"], rows)


def _worlds(figures: Mapping[str, Mapping[str, Whole]]) -> list[str]:
    engines = list(dict.fromkeys(engine for found in figures.values() for engine in found))
    engines = [engine for engine in engines if engine != BARE]
    rows = []
    for label, found in figures.items():
        for value, name in _TIMES:
            base = found[_QEMU][value] if _QEMU in found else None
            cells = [f"{label}: {name}"]
            for engine in engines:
                if engine not in found:
                    cells.append("")
                    continue
                seconds = found[engine][value]
                cells.append(f"{seconds:.2f}" + (f" ({base / seconds:.2f})" if base else ""))
            rows.append(cells)
        sizes = (
            f"{found[engine]['rss_kib'] / 1024:.0f}" if engine in found else ""
            for engine in engines
        )
        rows.append([f"{label}: resident, MiB", *sizes])
    return _table(["whole process, s (QEMU = 1)", *engines], rows)


def _bare(figures: Mapping[str, Mapping[str, Whole]]) -> list[str]:
    """Whole processes of ours against QEMUs that nothing of ours starts, feeds or watches."""
    worlds = {label: found for label, found in figures.items() if BARE in found}
    if not worlds:
        return []
    engines = list(next(iter(worlds.values())))
    rows = []
    for label, found in worlds.items():
        for value, name in _TIMES:
            base = found[BARE][value]
            seconds = [found[engine][value] for engine in engines]
            rows.append([f"{label}: {name}", *(f"{s:.2f} ({s / base:.2f})" for s in seconds)])
    head = f"whole process, s (times one bare QEMU a machine; os2vm: at most {_BARE_TIMES_MAX})"
    return _table([head, *engines], rows)
