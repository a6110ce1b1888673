"""`python -m nexus.bench remote_put`: what a remote PUT takes in the guest, by service.

Two machines, one network of 500 microseconds each way, and a client on node A that puts 100 bytes
into node B's state, again and again, and then syncs (testprojects/remote_put).  All times are
virtual, so every run gives the same figures; 10 ns are one instruction.

While a request is on its way the world is advanced in steps of a tenth of a microsecond, and each
step is charged to the program that the machine was in then: the service whose address space it was
in, or the kernel.  Where the request is (on A, on the wire, on B, on the wire, on A) the frames
say, so the parts add up to the whole.  Of dsoftbusd's time the ciphers are told apart by
calculation: the messages in the frames, times what the client found one of that length to take.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Final, TypedDict

from nexus.bench.remote_put_measure import LINK, Request, measure
from nexus.entry.arguments import ArgumentParser

WORLD: Final = Path("testprojects/remote_put/world.toml")

# The groups of measured parts that people ask about.
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "network": (LINK, "netstackd"),
    "crypto": ("ciphers",),
    "bus": ("dsoftbusd",),
    "journal": ("statefsd",),
    "rights and record": ("policyd", "logd"),
    "kernel": ("kernel",),
    "client": ("selftest-client",),
}
REST: Final = "anything else"


def main(argv: Sequence[str]) -> int:
    """Run the program."""
    parser = ArgumentParser("ci:bench remote_put", __doc__ or "")
    add = parser.add_argument
    add("--image", type=Path, required=True, help="the image of //testprojects/remote_put:system")
    add("--world", type=Path, default=WORLD)
    add("--native-blob", type=Path, help="the code that nexus.emulator.native.build makes; faster")
    add("--json", type=Path, help="write the figures here as well")
    options = parser.parse_args(argv)
    figures = report(options.world, options.image, options.native_blob)
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n")
    return 0


class Figures(TypedDict):
    """The figures of one kind of request, in virtual time."""

    requests: int
    least_us: float
    median_us: float
    most_us: float
    split_us: dict[str, float]
    services_us: dict[str, float]
    messages: list[int]


def report(world: Path, image: Path, native_blob: Path | None) -> dict[str, Figures]:
    """Measure, print, and return the figures."""
    found = measure(world, image, native_blob)
    figures = {name: _figures(found, name) for name in dict.fromkeys(each.name for each in found)}
    for name, figure in figures.items():
        print(_as_text(name, figure))
    return figures


def _figures(found: Sequence[Request], name: str) -> Figures:
    """Take the request of median length: its parts add up, those of medians would not."""
    same = sorted((each for each in found if each.name == name), key=lambda each: each.whole_ns)
    chosen = same[len(same) // 2]
    known = {part for parts in GROUPS.values() for part in parts}
    groups = {
        group: sum(chosen.total(part) for part in parts) / 1000 for group, parts in GROUPS.items()
    }
    groups[REST] = sum(chosen.total(part) for part in chosen.parts if part not in known) / 1000
    assert round(sum(groups.values()) * 1000) == chosen.whole_ns, "the parts are the whole"
    return {
        "requests": len(same),
        "least_us": same[0].whole_ns / 1000,
        "median_us": median(each.whole_ns for each in same) / 1000,
        "most_us": same[-1].whole_ns / 1000,
        "split_us": groups,
        "services_us": {
            f"{place} {part}": ns / 1000
            for part, places in sorted(chosen.parts.items())
            for place, ns in sorted(places.items())
        },
        "messages": chosen.messages,
    }


def _as_text(name: str, figure: Figures) -> str:
    split, services = figure["split_us"], figure["services_us"]
    whole = sum(split.values())
    lines = [
        f"{name}: {figure['median_us']:.1f} us of virtual time, median of {figure['requests']}"
        f" ({figure['least_us']:.1f} to {figure['most_us']:.1f})"
    ]
    lines += [f"  {group:<18}{us:>9.1f} us {us / whole:>6.1%}" for group, us in split.items()]
    lines.append("  in detail: " + ", ".join(f"{at} {us:.1f}" for at, us in services.items()))
    return "\n".join(lines)
