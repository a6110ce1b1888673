"""The artifacts that are left of a run, however damaged, and notes on those that are wrong.

An edge: files are read here.  A file that cannot be used leaves a note, and the page goes without
it; a folder with nothing of a run is a mistake.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nexus.config.held_file import ReadingError, read_bytes, read_text
from nexus.core.text import show
from nexus.harness.phase import Phase
from nexus.harness.report.event import Event, TimelineError, parse
from nexus.harness.report.page import CONSOLE_PREFIX, UNKNOWN
from nexus.harness.report.reading import read_frames, read_keys, read_summary
from nexus.harness.report.recorded import ACTIVITY, COVERAGE, STACKS
from nexus.harness.report.story import Listener, Secrets
from nexus.harness.summary import Summary, Wall, describe_unrun, digest

SUMMARY: Final = "summary.json"
TIMELINE: Final = "timeline.jsonl"
CAPTURE: Final = "capture.pcapng"
KEY_LOG: Final = "session-keys.log"
REPORT: Final = "report.html"
_LOG: Final = f"{CONSOLE_PREFIX}*.log"


@dataclass(slots=True)
class Remains:
    """The artifacts that the page is made from; files that it does not show are empty here."""

    summary: Summary
    events: list[Event] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_remains(folder: Path) -> Remains:
    """Read what a run has left in a folder.

    Raises:
        ReadingError: it has left nothing there.
    """
    names = _names(folder)
    notes: list[str] = []
    remains = Remains(_summary(folder, notes), notes=notes)
    for name in names:
        remains.files[name] = _shown(folder / name, notes) if _is_shown(name) else b""
    remains.events = list(_events(folder, names, notes))
    _compare(folder, remains)
    # Where the folder is on this host says nothing about its run.
    remains.notes = [note.replace(f"{show(str(folder))}/", "") for note in notes]
    return remains


def _names(folder: Path) -> list[str]:
    try:
        found = sorted(path.name for path in folder.iterdir() if path.is_file())
    except OSError as exc:
        raise ReadingError(f"cannot read {show(str(folder))}: {exc.strerror}") from exc
    names = [name for name in found if name != REPORT and not name.startswith(".")]
    if not any(name in (SUMMARY, TIMELINE, CAPTURE) or _is_log(name) for name in names):
        raise ReadingError(
            f"{show(str(folder))}: it has no artifacts of a run; expected at least one of "
            f"{SUMMARY}, {TIMELINE}, {CAPTURE}, {_LOG}"
        )
    return names


def _is_log(name: str) -> bool:
    return name.startswith(CONSOLE_PREFIX) and name.endswith(".log")


def _is_shown(name: str) -> bool:
    return _is_log(name) or name in (ACTIVITY, COVERAGE, STACKS)


def _shown(path: Path, notes: list[str]) -> bytes:
    try:
        return read_bytes(path)
    except ReadingError as exc:
        notes.append(f"{exc}; the page does not show it.")
        return b""


def _summary(folder: Path, notes: list[str]) -> Summary:
    try:
        return read_summary(folder / SUMMARY)
    except ReadingError as exc:
        notes.append(f"{exc}; without it, outcome, markers and machines are not known.")
    message = f"The run has left no {SUMMARY} that can be read."
    unrun = describe_unrun(folder.absolute().name, [], 0, Phase.END, UNKNOWN, message)
    return Summary(
        outcome=UNKNOWN,
        exit_code=-1,
        expected_outcome="passed",
        engine=UNKNOWN,
        is_reproducible=False,
        deterministic=unrun,
        wall=Wall(total_ms=0, phases_ms={}),
    )


def _events(folder: Path, names: list[str], notes: list[str]) -> Iterator[Event]:
    """The timeline up to where it is damaged; without one, the frames of the capture."""
    if TIMELINE not in names:
        notes.append(f"{TIMELINE} is not there, so the page has the frames of {CAPTURE} alone.")
        yield from _frames(folder, names, notes)
        return
    try:
        yield from parse(read_text(folder / TIMELINE))
    except (TimelineError, ReadingError) as exc:
        where = "" if isinstance(exc, ReadingError) else f"{TIMELINE}: "
        notes.append(f"{where}{exc}; the page has the events before it.")


def _frames(folder: Path, names: list[str], notes: list[str]) -> Iterator[Event]:
    if CAPTURE not in names:
        notes.append(f"{CAPTURE} is not there, either.")
        return
    try:
        keys = read_keys(folder / KEY_LOG) if KEY_LOG in names else {}
    except ReadingError as exc:
        notes.append(f"{exc}; sessions stay sealed.")
        keys = {}
    listener = Listener(Secrets(known=keys))
    try:
        for frame in read_frames(folder / CAPTURE):
            yield from listener.take(frame)
    except ReadingError:
        return  # `_compare` notes it.


def _compare(folder: Path, remains: Remains) -> None:
    """Note files that are not those that the run has written."""
    run = remains.summary.deterministic
    for label in run.instructions:
        if f"{CONSOLE_PREFIX}{label}.log" not in remains.files:
            remains.notes.append(f"The log of machine {show(label)} is not there.")
    if run.digests is not None:
        for label, expected in run.digests.logs.items():
            name = f"{CONSOLE_PREFIX}{label}.log"
            if remains.files.get(name) and digest(remains.files[name]) != expected:
                remains.notes.append(_of_another(name))
    if CAPTURE in remains.files:
        captured = None if run.digests is None else run.digests.capture
        remains.notes += _about_capture(folder / CAPTURE, captured)


def _about_capture(path: Path, expected: str | None) -> Iterator[str]:
    try:
        if digest(read_bytes(path)) == expected:
            return
        for _ in read_frames(path):
            pass
    except ReadingError as exc:
        yield f"{exc}; what is behind it is lost."
        return
    if expected is not None:
        yield _of_another(CAPTURE)


def _of_another(name: str) -> str:
    return (
        f"{show(name)} is not the file that this run has written: its SHA-256 differs from the one "
        f"in {SUMMARY}. It is of another run, or it was changed."
    )
