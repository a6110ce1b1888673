"""Reads the artifacts of a run back, each held to its JSON Schema before anything is made of it.

An edge: files are read here.  An error names file, place, value and what is accepted.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from nexus.config.held_file import (
    ReadingError,
    hold_to_schema,
    parse_json,
    read_bytes,
    read_text,
)
from nexus.core.text import show
from nexus.harness.report.capture import CaptureError, Frame, read_capture
from nexus.harness.report.event import Event, TimelineError, parse
from nexus.harness.report.keys import KeyLogError, SessionKeys
from nexus.harness.report.keys import parse as parse_keys
from nexus.harness.summary import Summary, json_schema


def read_summary(path: Path) -> Summary:
    """Read `summary.json`.

    Raises:
        ReadingError: it is not one; the message names the place in it.
    """
    held = parse_json(show(str(path)), read_text(path))
    hold_to_schema(show(str(path)), held, json_schema())
    return Summary.model_validate(held)


def read_timeline(path: Path) -> list[Event]:
    """Read `timeline.jsonl`."""
    return list(read_events(path))


def read_events(path: Path) -> Iterator[Event]:
    """Read `timeline.jsonl`, event by event.

    Raises:
        ReadingError: a line is not an event; those before it were given.
    """
    try:
        yield from parse(read_text(path))
    except TimelineError as exc:
        raise ReadingError(f"{show(str(path))}: {exc}") from None


def read_frames(path: Path) -> Iterator[Frame]:
    """Read a capture, frame by frame.

    Raises:
        ReadingError: what follows the frames given so far is damaged.
    """
    data = read_bytes(path)
    try:
        yield from read_capture(data)
    except CaptureError as exc:
        raise ReadingError(f"{show(str(path))}: {exc}") from None


def read_keys(path: Path) -> dict[bytes, SessionKeys]:
    """Read a key log."""
    try:
        return parse_keys(read_text(path))
    except KeyLogError as exc:
        raise ReadingError(f"{show(str(path))}: {exc}") from None
