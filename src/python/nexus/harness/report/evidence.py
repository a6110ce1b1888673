"""From a run to its timeline: what the consoles, the capture and the trace say, in one order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from nexus.harness.engine import Engine
from nexus.harness.plan import Plan
from nexus.harness.report import story
from nexus.harness.report.capture import read_capture
from nexus.harness.report.event import Event
from nexus.harness.report.keys import SessionKeys, publics_of
from nexus.harness.runner import Record


@dataclass(slots=True)
class Evidence:
    """The timeline, and the keys of the sessions that it could open."""

    events: list[Event] = field(default_factory=list)
    keys: dict[bytes, SessionKeys] = field(default_factory=dict)


def gather(record: Record, engine: Engine, *, opens_sessions: bool) -> Evidence:
    """Make the timeline of a run, however it ended.

    Args:
        record: what the run left.
        engine: what ran it.
        opens_sessions: whether sessions whose listener has a test key are decrypted.
    """
    secrets = story.Secrets()
    if opens_sessions:
        secrets = _secrets(record.plan, engine)
    listener = story.Listener(secrets)
    frames = [
        event for frame in read_capture(record.capture.content()) for event in listener.take(frame)
    ]
    events = story.merged(
        _phases(record),
        _lines(record),
        frames,
        story.of_trace(engine.trace_text()),
        _missing(record),
    )
    return Evidence(events, listener.keys)


def _secrets(plan: Plan, engine: Engine) -> story.Secrets:
    reads = engine.ephemerals()
    identities = {
        machine.label: machine.identity
        for machine in plan.machines
        if machine.identity is not None and machine.identity.is_test_key
    }
    return story.Secrets(
        identities=identities,
        ephemerals={label: publics_of(reads.get(label, ())) for label in identities},
    )


def _phases(record: Record) -> Iterator[Event]:
    for times in record.judge.phases:
        name = times.phase.value
        yield Event(ns=times.start_ns, machine="", kind="phase", text=f"{name} begins")
        if times.end_ns is not None:
            yield Event(ns=times.end_ns, machine="", kind="phase", text=f"{name} is proven")


def _lines(record: Record) -> Iterator[Event]:
    for now_ns, machine, line, met in record.lines:
        if met is None:
            yield Event(ns=now_ns, machine=machine, kind="console", text=line)
        else:
            values: dict[str, str | int] = {"phase": met.phase.value}
            yield Event(ns=now_ns, machine=machine, kind="marker", text=line, values=values)


def _missing(record: Record) -> Iterator[Event]:
    if record.verdict.marker is not None:
        yield Event(
            ns=record.now_ns,
            machine=record.verdict.machine or "",
            kind="missing",
            text=f"never came: {record.verdict.marker}",
        )
