"""The events of a run as values, and `timeline.jsonl`, the file that holds them.

The file is JSON, one event a line, in the order of virtual time; within one instant in the order in
which the run brought them forth.  Same inputs, same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nexus.core.errors import NexusError

Kind = Literal[
    "phase",
    "console",
    "marker",
    "missing",
    "announce",
    "frame",
    "handshake",
    "session",
    "stream",
    "data",
    "credit",
    "keepalive",
    "call",
    "answer",
    "sealed",
    "fault",
    "power",
    "stop",
]
KINDS: Final[tuple[str, ...]] = Kind.__args__  # type: ignore[attr-defined]  # A Literal has them.

# The events that a person reads first; the rest is shown when it is asked for.
MAIN_KINDS: Final = (
    "phase",
    "console",
    "marker",
    "missing",
    "announce",
    "handshake",
    "session",
    "stream",
    "answer",
    "fault",
    "power",
    "stop",
)


class TimelineError(NexusError):
    """A file that is not a timeline; the message names the line."""


class Event(BaseModel):
    """Something that happened at an instant of virtual time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ns: int = Field(ge=0)
    machine: str  # Empty for what is the whole world's.
    kind: Kind
    text: str
    # A frame has: number, bytes, to.  A call has: service, operation, status, latency_ns, peer.
    values: dict[str, str | int] = Field(default_factory=dict)


def render(events: Iterable[Event]) -> str:
    """Write the file."""
    return "".join(json.dumps(_plain(event), ensure_ascii=False) + "\n" for event in events)


def parse(text: str) -> Iterator[Event]:
    """Read the file, event by event.

    Raises:
        TimelineError: a line is not an event; those before it were given.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        if not line:
            continue
        try:
            yield Event.model_validate_json(line)
        except ValidationError as exc:
            first = exc.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the line"
            raise TimelineError(f"line {number}: {where}: {first['msg']}") from None


def json_schema() -> dict[str, object]:
    """The JSON Schema of one line of the file."""
    schema = Event.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _plain(event: Event) -> dict[str, object]:
    held = event.model_dump()
    if not event.values:
        del held["values"]
    return held
