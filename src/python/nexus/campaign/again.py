"""The uses of a replay file: run it again, shrink it, find its window.

Each prints a story and returns an exit code; `nexus world` and `ci:simulate` are two doors to it.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import Final

from nexus.campaign import narrate, replay
from nexus.campaign.inputs import add_options, code_of, commit_here, images_of
from nexus.campaign.leftovers import files_of
from nexus.campaign.pinpoint import FUTURES_DEFAULT, FUTURES_MAX, pinpoint
from nexus.campaign.prepare import Prepared, prepare
from nexus.campaign.replay import Replay, ReplayError
from nexus.campaign.run import Ran, run
from nexus.campaign.shrink import Shrinker, count_faults
from nexus.core.commandline import CommandLine, bounded
from nexus.core.text import printable
from nexus.harness import artifacts

EXIT_OTHER: Final = 1  # It was run, and something else came of it.
_MS: Final = 1_000_000
# The time before a window whose events are shown with the window's own.
_AROUND_NS: Final = 5 * _MS


def add_file(parser: CommandLine) -> None:
    """Let a command take a replay file and what it is run with."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a replay file of a campaign")
    parser.add_argument("--out", type=Path, metavar="DIR", help="leave logs, capture and timeline")
    add_options(parser)


def load(options: Namespace) -> tuple[Prepared, Replay]:
    """Read the file and all that it names, and refuse what is something else.

    Raises:
        NexusError: one line.
    """
    found = replay.read(options.file)
    given = images_of(options)
    images = {name: Path(path) for name, path in found.file.paths.items()} | given
    for name in found.file.images:
        if name not in images or not images[name].is_file():
            raise ReplayError(
                f"{found.path}: images.{name}: the image is not there; package it, and name it "
                f"with --image {name}=PATH"
            )
    if not Path(found.file.scenario).is_file():
        raise ReplayError(
            f"{found.path}: scenario: {found.file.scenario!r} is not there; run the command in the "
            "folder where the campaign ran"
        )
    prepared = prepare(Path(found.file.scenario), images, code_of(options))
    replay.check(found, prepared, commit_here())
    return prepared, found


def do_replay(options: Namespace) -> int:
    """Run it again; 0 if it is the same run to the last byte."""
    prepared, found = load(options)
    ran = run(prepared, found.recipe)
    _tell(ran)
    leave(options.out, prepared, ran)
    if ran.digest != found.file.digest:
        _say(f"not the same run: digest {ran.digest[:16]}; expected {found.file.digest[:16]}")
        return EXIT_OTHER
    _say(f"the same run: digest {ran.digest[:16]}")
    return 0


def do_shrink(options: Namespace) -> int:
    """Make it small, tell the story, and write the smaller file beside."""
    prepared, found = load(options)
    ran = run(prepared, found.recipe)
    if not ran.violations:
        _say("nothing to shrink: the run breaks no rule")
        return EXIT_OTHER
    shrinker = Shrinker(prepared, ran, _report)
    small = shrinker.shrink()
    _tell(small)
    text = replay.write(prepared, small, found.file.commit)
    path = shrunk_path(found.path)
    artifacts.write_all(path.parent, {path.name: text.encode()})
    leave(options.out, prepared, small)
    seen = small.observation
    _say(
        f"shrunk in {shrinker.runs} runs to {count_faults(small)} faults, {len(seen.machines)} "
        f"machines, {len(seen.steps)} steps, {seen.end_ns / _MS:.1f} ms: {path}"
    )
    return 0


def do_pinpoint(options: Namespace) -> int:
    """Find the window in which the failure became inevitable, and show what happened in it."""
    futures = bounded("--futures", options.futures, 1, FUTURES_MAX) or FUTURES_DEFAULT
    prepared, found = load(options)
    ran = run(prepared, found.recipe)
    if not ran.violations:
        _say("nothing to pinpoint: the run breaks no rule")
        return EXIT_OTHER
    window = pinpoint(prepared, ran, futures, _report)
    if window.is_from_the_beginning:
        _say("inevitable from the beginning: with other seeds, too, nearly every run fails")
        return 0
    _tell(ran, max(0, window.open_ns - _AROUND_NS), window.closed_ns)
    _say(
        f"inevitable between {window.open_ns / _MS:.1f} and {window.closed_ns / _MS:.1f} ms: "
        f"nexus world debug {found.path} --at-ms {window.open_ns / _MS:.1f}"
    )
    return 0


def add_futures(parser: CommandLine) -> None:
    """Let a command take how many futures it tries at each instant."""
    parser.add_argument(
        "--futures", metavar="N", help=f"futures tried at each instant; default {FUTURES_DEFAULT}"
    )


def shrunk_path(path: Path) -> Path:
    """Return the path of the smaller file."""
    name = path.name.removesuffix(".json").removesuffix(".replay").removesuffix(".shrunk")
    return path.with_name(f"{name}.shrunk.replay.json")


def leave(out: Path | None, prepared: Prepared, ran: Ran) -> None:
    """Write what a run leaves, if a folder was named."""
    if out is not None:
        artifacts.write_all(out, files_of(prepared, ran))


def _tell(ran: Ran, from_ns: int = 0, to_ns: int | None = None) -> None:
    for line in narrate.tell(ran, from_ns, to_ns):
        _say(line)


def _say(text: str) -> None:
    sys.stdout.write(f"{printable(text)}\n")


def _report(text: str) -> None:
    sys.stderr.write(f"{printable(text)}\n")
