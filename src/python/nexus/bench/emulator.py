"""`python -m nexus.bench emulator`: the emulator's engines and QEMU on the same guests.

Every round runs every engine once, one after the other, so that a slow minute of the host meets
them all; what counts are medians and their ratios.  Steady state is the processor time of the
guest's run alone, of QEMU that of its process minus that of a guest that ends at once; whole
processes are wall time.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nexus.bench.emulator_measure import PROGRAMS, measure
from nexus.bench.emulator_report import as_text
from nexus.bench.emulator_settings import Settings
from nexus.bench.emulator_tools import provide
from nexus.bench.figure import ROUNDS_MAX
from nexus.bench.images import named_image
from nexus.entry.arguments import ArgumentParser
from nexus.entry.options import whole

# The longest workload has a few rounds left with this: more would measure its start alone.
_DIVISOR_MAX: Final = 1_000_000


def main(argv: Sequence[str]) -> int:
    """Run the program; return its exit code."""
    options = _parser().parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="nexus-bench-") as folder:
        settings = Settings(
            folder=Path(folder),
            rounds=options.rounds,
            divisor=options.divisor,
            native_blob=options.native_blob,
            translations=options.translations,
            program=options.program,
            images=dict(options.image),
            world=options.world,
            single=options.single,
            workloads=options.workload,
        )
        settings = provide(settings, Path.cwd(), _say)
        result = measure(settings, _say)
    print(as_text(result))
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=2, sort_keys=True) + "\n")
    return 0 if result["answers_agree"] else 1


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _parser() -> ArgumentParser:
    parser = ArgumentParser("ci:bench emulator", __doc__ or "")
    add = parser.add_argument
    add(
        "--rounds",
        type=whole(1, ROUNDS_MAX),
        default=5,
        help="interleaved rounds; medians are shown",
    )
    add(
        "--divisor",
        type=whole(1, _DIVISOR_MAX),
        default=1,
        help="make every workload this much shorter",
    )
    names = [name for name in PROGRAMS if name != "empty"]
    add("--workload", nargs="+", choices=names, metavar="WORKLOAD", help="run only these workloads")
    add(
        "--native-blob",
        type=Path,
        help="the code that nexus.emulator.native.build makes; default: it is built",
    )
    add(
        "--translations", type=Path, help="what nexus.emulator.native.translate makes of the system"
    )
    add("--program", type=Path, help="the packaged nexus.pex, whose start is timed too")
    add(
        "--image",
        type=named_image,
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="an image that the worlds name: with it, boot them too",
    )
    add("--single", type=Path, default=Path("ci/single.toml"), help="the world of one machine")
    add("--world", type=Path, default=Path("ci/os2vm.toml"), help="the world of two machines")
    add("--json", type=Path, help="write the figures here as well")
    return parser
