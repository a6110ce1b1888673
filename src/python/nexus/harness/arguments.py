"""The command line of the os2vm program, checked as far as it can be without reading a file."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nexus.config.settings import Setting, add_option, parse_settings
from nexus.core.commandline import CommandLine, bounded, named_paths, named_texts, one_of
from nexus.core.errors import UsageError
from nexus.core.text import quote
from nexus.harness.engine_options import add_engine
from nexus.harness.instrument_options import add_instruments, profile_distance
from nexus.harness.outcome import BY_LABEL, Outcome
from nexus.harness.phase import GUEST_PHASES, Phase

# `auto` is the native interpreter where its code was given and fits this host, with translations
# where these were given too; else the reference.
ENGINES: Final = ("auto", "reference", "native", "translated", "qemu")

OUT_DEFAULT: Final = Path("dist/os2vm")

# Longer than any passing run by far, shorter than a pipeline's patience.
WALL_SECONDS_DEFAULT: Final = 600

# A day: a person at a debugger takes the time it takes.
_WALL_SECONDS_MAX: Final = 86_400

_SEED_MAX: Final = (1 << 63) - 1
_BUDGET_MS_MAX: Final = 24 * 3600 * 1000

# As for a marker in a world's file.
_TEXT_CHARS_MAX: Final = 1000

_DESCRIPTION: Final = """\
Boot a world of guests, and prove from their consoles that everything expected happened.

A world file names the machines, the network and the markers to be seen, phase by phase:

    nexus os2vm --world ci/os2vm.toml --image system=system.elf \\
        --image packages=packages.img

A node file makes a world of one machine; the markers are then given here:

    nexus os2vm --node ci/node-a.toml --image system=system.elf \\
        --expect 'init: ready' 'SELFTEST: end'
"""

_EPILOG: Final = """\
The exit code says what happened, and only 0 means that everything was proven:

{outcomes}

The output folder holds, after failed runs too: uart-<machine>.log, capture.pcapng (opens in
Wireshark), summary.json, junit.xml, trace.txt and result.txt.  See docs/testing.md.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of a run, as its caller gave them."""

    world: Path | None
    node: Path | None
    expect: tuple[str, ...]
    forbid: tuple[str, ...]
    images: dict[str, Path]
    out: Path
    settings: tuple[Setting, ...] = ()
    seed: int | None
    budget_ms: int | None
    until: Phase
    engine: str
    native_blob: Path | None
    translations: Path | None
    expect_outcome: Outcome
    expect_message: str | None
    wall_seconds: int
    is_plain: bool
    is_verbose: bool
    opens_sessions: bool = True
    debuggers: dict[str, str] = field(default_factory=dict)  # Machine -> port or unix socket.
    covers: bool = False
    profile_every: int | None = None  # Instructions between two samples.
    lines: tuple[Path, ...] = ()  # Tables of lines, for both.
    allows_unused_images: bool = False  # A campaign gives its images to several worlds.


def parse(argv: Sequence[str]) -> Options:
    """Read the command line.

    Raises:
        UsageError: one line that names the option, the value and what is accepted.
    """
    given = _parser().parse_args(argv)
    if given.node is None and given.expect:
        raise UsageError("--expect: goes with --node; a world file has its own [[expect]]")
    for option, texts in (("--expect", given.expect), ("--forbid", given.forbid)):
        for text in texts or ():
            _check_text(option, text)
    if given.expect_message is not None:
        _check_text("--expect-message", given.expect_message)
    # As it is written: `./a:1` is a path, and `a:1` looks like a host and a port.
    debuggers = named_texts(
        "--gdb", given.gdb or [], "MACHINE=PORT or MACHINE=PATH, such as A=1234"
    )
    if debuggers and given.engine == "qemu":
        raise UsageError("--gdb: goes with the emulator's engines; choose another --engine")
    profile_every = _check_instruments(given, is_debugged=bool(debuggers))
    return Options(
        world=given.world,
        node=given.node,
        expect=tuple(given.expect or ()),
        forbid=tuple(given.forbid or ()),
        images=named_paths("--image", given.image or [], "NAME=PATH, such as system=system.elf"),
        out=given.out,
        settings=parse_settings(given.settings),
        seed=bounded("--seed", given.seed, 0, _SEED_MAX),
        budget_ms=bounded("--budget-ms", given.budget_ms, 1, _BUDGET_MS_MAX),
        until=Phase(one_of("--until", given.until, [phase.value for phase in GUEST_PHASES])),
        engine=one_of("--engine", given.engine, ENGINES),
        native_blob=given.native_blob,
        translations=given.translations,
        expect_outcome=_outcome(given.expect_outcome),
        expect_message=given.expect_message,
        wall_seconds=bounded("--wall-seconds", given.wall_seconds, 1, _WALL_SECONDS_MAX)
        or (_WALL_SECONDS_MAX if debuggers else WALL_SECONDS_DEFAULT),
        is_plain=given.plain,
        is_verbose=given.verbose,
        opens_sessions=given.decrypt,
        debuggers=debuggers,
        covers=given.coverage,
        profile_every=profile_every,
        lines=tuple(given.lines or ()),
    )


def _parser() -> CommandLine:
    parser = CommandLine("nexus os2vm", _DESCRIPTION)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    width = max(len(outcome.label) for outcome in Outcome)
    lines = [f"    {o.exit_code:>3}  {o.label:<{width}}" for o in Outcome]
    parser.epilog = _EPILOG.format(outcomes="\n".join(lines))
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--world", type=Path, metavar="FILE", help="the world to boot (TOML)")
    what.add_argument("--node", type=Path, metavar="FILE", help="one machine to boot (TOML)")
    add = parser.add_argument
    add("--expect", nargs="+", action="extend", metavar="MARKER", help="with --node: lines to see")
    add("--forbid", nargs="+", action="extend", metavar="TEXT", help="text no line may contain")
    add("--image", action="append", metavar="NAME=PATH", help="a guest image (repeatable)")
    add("--out", type=Path, default=OUT_DEFAULT, metavar="DIR", help=f"default {OUT_DEFAULT}")
    add_option(parser)
    add("--seed", metavar="N", help="seed of entropy and faults; default: the world's")
    add("--budget-ms", metavar="N", help="virtual milliseconds for the whole run")
    add("--until", default=Phase.END.value, metavar="PHASE", help="stop after this phase")
    add_engine(parser, ENGINES)
    add("--expect-outcome", default=Outcome.PASSED.label, metavar="NAME", help="exit 0 only then")
    add("--expect-message", metavar="TEXT", help="what the explanation must contain")
    add("--wall-seconds", metavar="N", help=f"end a run that hangs; default {WALL_SECONDS_DEFAULT}")
    parser.suggest("--until", (phase.value for phase in GUEST_PHASES))
    parser.suggest("--expect-outcome", BY_LABEL)
    add("--gdb", action="append", metavar="MACHINE=PORT|PATH", help="wait for a debugger on it")
    add("--plain", action="store_true", help="plain lines even on a terminal")
    add("--verbose", action="store_true", help="show every console line")
    add(
        "--decrypt",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="open the sessions of nodes with test keys for report and timeline; default: yes",
    )
    add_instruments(parser)
    return parser


def _check_instruments(given: argparse.Namespace, *, is_debugged: bool) -> int | None:
    """Refuse what cannot be recorded; return the distance of samples."""
    every = profile_distance(given.profile)
    if given.lines and not given.coverage and every is None:
        raise UsageError("--lines: goes with --coverage or --profile")
    for option, is_wanted in (("--coverage", given.coverage), ("--profile", every is not None)):
        if is_wanted and given.engine == "qemu":
            raise UsageError(f"{option}: QEMU cannot do that; choose another --engine")
        if is_wanted and is_debugged:
            raise UsageError(f"{option}: does not go with --gdb")
    return every


def _check_text(option: str, text: str) -> None:
    """Refuse what is contained in everything, and what no line of a console can have.

    Raises:
        UsageError: it names the option, the text and what is accepted.
    """
    if not (1 <= len(text) <= _TEXT_CHARS_MAX and text.isprintable()):
        raise UsageError(
            f"{option}: {quote(text)} is not a line of 1 to {_TEXT_CHARS_MAX} printable characters"
        )
    if not text.strip():
        raise UsageError(f"{option}: {quote(text)} is in almost every line; expected a word")


def _outcome(value: str) -> Outcome:
    return BY_LABEL[one_of("--expect-outcome", value, list(BY_LABEL))]
