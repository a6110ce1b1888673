"""`python -m nexus.bench dsoftbus`: DSoftBus against something plain, measured in the same run.

    bulk         a stream over loopback, 16 KiB writes  against  ChaCha20-Poly1305 alone
    handshakes   sessions made ready, both ends         against  noiseprotocol alone
    calls        100 in flight, over loopback           against  an asyncio echo, 100 in flight
    schema       typed calls as messages, 100 in flight against  the same calls as frames
    resolve      a resolve between two guests by        against  by frames
                 messages, in virtual time
    tls          a stream, 16 KiB writes                against  asyncio's TLS 1.3, as many bytes
    grpc         calls, 100 in flight                   against  grpc.aio, unary, 16 bytes
    urgent       a call of priority 0 beside eight      against  60 ms
                 saturating streams at 5 MB/s: the 99th
                 percentile over that of the idle line
    memory       an end of an idle session, of 1000     against  20 KiB

The guests of `resolve` are made by Pants, in the folder where this is run, unless they are given.

grpcio is needed by nothing else of the project: without it its row is left out, and that is said.

Ratios, because they hold on another machine.  The two sides take turns and the best of each
counts: whatever else a machine does only makes a turn slower.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from nexus.bench import dsoftbus_ciphers as ciphers
from nexus.bench import dsoftbus_line as line
from nexus.bench import dsoftbus_measure as measure
from nexus.bench import dsoftbus_rivals as rivals
from nexus.bench.emulator_tools import INTERPRETER, package
from nexus.bench.figure import ROUNDS_MAX, Figure
from nexus.bench.machine import describe_machine
from nexus.bench.remote_put import WORLD
from nexus.bench.remote_put_measure import waited_us
from nexus.core.commandline import fail
from nexus.core.errors import NexusError
from nexus.entry.arguments import ArgumentParser
from nexus.entry.options import whole
from nexus.entry.program import run_program

ROWS: Final = (
    "bulk",
    "handshakes",
    "calls",
    "schema",
    "resolve",
    "tls",
    "grpc",
    "urgent",
    "memory",
)
GUESTS: Final = ("testprojects/remote_put:system", "testprojects.remote_put/system.elf")

SESSION_BYTES_MAX: Final = 20 * 1024
URGENT_MS_MAX: Final = 60.0

# By messages a call between guests may take 1.3 times as long.
RESOLVE_TARGET: Final = 1 / 1.3
WORLD_SCHEMA: Final = WORLD.with_name("world_schema.toml")


class NoGuestsError(NexusError):
    """The guests were not given and cannot be made here."""


def main(argv: Sequence[str]) -> int:
    """Run the program; 1 if a target is missed."""
    parser = ArgumentParser("ci:bench dsoftbus", __doc__ or "")
    parser.add_argument(
        "--rounds", type=whole(1, ROUNDS_MAX), default=5, help="turns of each side (default 5)"
    )
    parser.add_argument(
        "--only", action="append", choices=ROWS, help="measure this row alone; may be repeated"
    )
    parser.add_argument(
        "--guest-image",
        type=Path,
        help="the image of //testprojects/remote_put:system; without it Pants makes it",
    )
    parser.add_argument(
        "--native-blob",
        type=Path,
        help="the code that nexus.emulator.native.build makes; without it Pants makes it",
    )
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    options = parser.parse_args(argv)
    host = describe_machine()
    print(host)
    figures = []
    try:
        for figure in _measure(options, tuple(options.only or ROWS)):
            figures.append(figure)
            print(figure, flush=True)
    except NoGuestsError as exc:
        return fail(str(exc))
    if options.json is not None:
        result = {"host": host, "figures": [asdict(figure) for figure in figures]}
        options.json.write_text(json.dumps(result, indent=2, sort_keys=True) + "\n")
    return 0 if all(figure.is_met for figure in figures) else 1


_SIDES: Final[dict[str, tuple[Callable[[], float], Callable[[], float]]]] = {
    "bulk": (measure.stream_bulk, ciphers.seal_and_open),
    "handshakes": (measure.session_handshakes, ciphers.noise_handshakes),
    "calls": (measure.calls, measure.echoes),
    "schema": (measure.calls_by_messages, measure.calls_by_frames),
    "tls": (measure.stream_bulk, rivals.tls_bulk),
    "grpc": (measure.calls, rivals.grpc_calls),
}


# How much one turn of these is, in which unit, and what the ratio is to be.
_RATES: Final[dict[str, tuple[str, float, float]]] = {
    "bulk": ("MB/s", measure.BULK_BYTES / 1e6, 0.5),
    "handshakes": ("/s", measure.HANDSHAKES, 0.85),
    "calls": ("/s", measure.CALLS, 0.3),
    "schema": ("/s", measure.CALLS, 0.9),
    "tls": ("MB/s", measure.BULK_BYTES / 1e6, 1.0),
    "grpc": ("/s", measure.CALLS, 8.0),
}


def _measure(options: argparse.Namespace, rows: Sequence[str]) -> Iterator[Figure]:
    rounds = options.rounds
    for row in (row for row in ROWS if row in rows):
        match row:
            case "resolve":
                yield _resolve(*provide(options.guest_image, options.native_blob))
            case "urgent":
                yield _urgent(rounds)
            case "memory":
                yield _memory()
            case "grpc" if not rivals.has_grpc():
                print("grpc       not measured: grpcio is not installed here")
            case _:
                yield _rate(row, *_RATES[row], rounds)


def provide(
    image: Path | None,
    native: Path | None,
    make: Callable[[Path, list[str]], None] = package,
) -> tuple[Path, Path]:
    """Return the guests' image and the interpreter; what is not given is made by Pants."""
    root = Path.cwd()
    wanted = [
        target for given, (target, _) in ((image, GUESTS), (native, INTERPRETER)) if not given
    ]
    if wanted:
        if not (root / "pants").exists():
            raise NoGuestsError(
                f"{root}: expected the repository's folder, where ./pants makes the guests; run it"
                " there, or give --guest-image and --native-blob"
            )
        make(root, wanted)
    dist = root / "dist"
    return image or dist / GUESTS[1], native or dist / INTERPRETER[1]


def _rate(name: str, unit: str, amount: float, target: float, rounds: int) -> Figure:
    ours, plain = _SIDES[name]
    times = [(ours(), plain()) for _ in range(rounds)]
    ours_s, plain_s = min(t for t, _ in times), min(t for _, t in times)
    return Figure(name, unit, amount / ours_s, amount / plain_s, plain_s / ours_s, target)


def _resolve(image: Path, native: Path | None) -> Figure:
    by_messages, by_frames = (
        waited_us(world, image, native, "resolve") for world in (WORLD_SCHEMA, WORLD)
    )
    ratio = by_frames / by_messages
    return Figure("resolve", "us, virtual", by_messages, by_frames, ratio, RESOLVE_TARGET)


def _urgent(rounds: int) -> Figure:
    waited_ms = min(line.urgent_call_ms() for _ in range(rounds))
    return Figure("urgent", "ms", waited_ms, URGENT_MS_MAX, URGENT_MS_MAX / waited_ms, 1.0)


def _memory() -> Figure:
    held = measure.idle_sessions()
    ratio = SESSION_BYTES_MAX / held
    return Figure("memory", "KiB a session", held / 1024, SESSION_BYTES_MAX / 1024, ratio, 1.0)


if __name__ == "__main__":
    run_program(main)
