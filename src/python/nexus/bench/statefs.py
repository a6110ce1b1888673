"""`python -m nexus.bench statefs`: the host's state store against sqlite3 on the same file system.

    synced    each durable before the next  against  sqlite3, a transaction each
    single    many, synced once at the end  against  sqlite3, a transaction each, NORMAL
    batch     the same                      against  sqlite3, all in one transaction
    recovery  opening a store of which 64 MiB of journal are to be replayed
    guest     with --guest-image: a remote PUT in virtual time (nexus.bench.remote_put)

sqlite3 is in WAL mode with synchronous=FULL, which makes a COMMIT as durable as a sync of ours; in
`single` it is NORMAL, where a COMMIT waits for no disk, as our puts do not.
The two sides take turns; figures are medians, and the ratio is that of the turns' ratios, for what
else a disk has to do slows both sides of a turn.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Final

from nexus.bench import remote_put
from nexus.bench import statefs_measure as measure
from nexus.bench.figure import ROUNDS_MAX, Figure
from nexus.bench.machine import describe_machine
from nexus.entry.arguments import ArgumentParser
from nexus.entry.options import whole
from nexus.entry.program import run_program

RATIO_MIN: Final = 1.0

_Side = Callable[[Path], float]
_FIGURES: Final[tuple[tuple[str, int, _Side, _Side], ...]] = (
    ("synced", measure.SYNCED_PUTS, measure.store_synced_puts, measure.sqlite_synced_puts),
    ("single", measure.PUTS, measure.store_puts, measure.sqlite_single_puts),
    ("batch", measure.PUTS, measure.store_puts, measure.sqlite_puts),
)


def main(argv: Sequence[str]) -> int:
    """Run the program; 1 if a target is missed."""
    parser = ArgumentParser("ci:bench statefs", __doc__ or "")
    parser.add_argument(
        "--rounds", type=whole(1, ROUNDS_MAX), default=11, help="turns of each side (default 11)"
    )
    parser.add_argument("--folder", type=Path, default=Path(), help="on the file system to try")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    parser.add_argument(
        "--guest-image", type=Path, help="the image of //testprojects/remote_put:system"
    )
    parser.add_argument(
        "--native-blob", type=Path, help="the code that nexus.emulator.native.build makes"
    )
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="bench-statefs-") as name:
        folder = Path(name)
        print(_host(folder))
        figures = []
        for entry in _FIGURES:
            figures.append(_compare(folder, options.rounds, *entry))
            print(figures[-1], flush=True)
        path, records = measure.write_journal(folder)
        recovery_s = min(measure.recover(path) for _ in range(options.rounds))
        print(f"recovery {recovery_s * 1000:>9.0f} ms   {records} records in 64 MiB")
        guest = {}
        if options.guest_image is not None:
            guest = remote_put.report(remote_put.WORLD, options.guest_image, options.native_blob)
        if options.json is not None:
            result = {
                "host": _host(folder),
                "figures": [asdict(figure) for figure in figures],
                "recovery": {"seconds": recovery_s, "records": records},
                "guest": guest,
            }
            options.json.write_text(json.dumps(result, indent=2, sort_keys=True) + "\n")
    return 0 if all(figure.is_met for figure in figures) else 1


def _compare(
    folder: Path, rounds: int, name: str, amount: int, ours: _Side, theirs: _Side
) -> Figure:
    times = [(ours(folder), theirs(folder)) for _ in range(rounds)]
    ours_s, theirs_s = median(t for t, _ in times), median(t for _, t in times)
    ratio = median(theirs / ours for ours, theirs in times)
    return Figure(name, "puts/s", amount / ours_s, amount / theirs_s, ratio, RATIO_MIN)


def _host(folder: Path) -> str:
    return f"{describe_machine()}, sqlite {sqlite3.sqlite_version}, {_file_system(folder)}"


def _file_system(folder: Path) -> str:
    """Name the type of the file system: on one in memory a sync costs nothing."""
    place = folder.resolve()
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    found = [(at, kind) for at, kind in mounts if place.is_relative_to(at)]
    return max(found, key=lambda entry: len(entry[0]))[1] if found else "unknown file system"


if __name__ == "__main__":
    run_program(main)
