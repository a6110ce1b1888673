"""The story of a run: consoles, frames decoded and opened, faults and power, in one order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nexus.campaign.run import Ran
from nexus.harness.report import story
from nexus.harness.report.event import MAIN_KINDS, Event
from nexus.harness.report.timeline import Filter, lines_of

NS_PER_MS: Final = 1_000_000
# As many events before a failure as a person reads.
EVENTS_SHOWN_MAX: Final = 60


def events_of(ran: Ran) -> list[Event]:
    """Everything that happened."""
    seen = ran.observation
    markers = set(seen.markers)
    lines = (
        Event(
            ns=line.ns,
            machine=line.machine,
            kind="marker" if line in markers else "console",
            text=line.text,
        )
        for line in seen.lines
    )
    broken = (
        Event(ns=v.ns, machine=v.machine, kind="missing", text=f"{v.name}: {v.message}")
        for v in ran.violations
    )
    return story.merged(lines, seen.events, story.of_trace(ran.trace), broken)


def tell(ran: Ran, from_ns: int = 0, to_ns: int | None = None) -> Iterator[str]:
    """The faults of a run, and the events up to the first violation."""
    seen = ran.observation
    yield f"scenario {seen.scenario}, seed {seen.seed}, machines {', '.join(seen.machines)}"
    for fault in seen.requested:
        count = sum(event.fault == fault.id for event in seen.happened)
        yield f"  fault {fault}: {count} times"
    for step in seen.steps:
        yield f"  step {step.number} on {step.machine}: {step.text}"
    first = ran.violations[0] if ran.violations else None
    end_ns = to_ns if to_ns is not None else (seen.end_ns if first is None else first.ns)
    chosen = Filter(kinds=MAIN_KINDS, from_ns=from_ns, to_ns=end_ns)
    lines = list(lines_of(events_of(ran), chosen))
    left_out = len(lines) - EVENTS_SHOWN_MAX
    if left_out > 0:
        yield f"  ... {left_out} earlier events; --out DIR leaves all of them"
    yield from lines[-EVENTS_SHOWN_MAX:]
    for violation in ran.violations:
        yield f"broken: {violation}"
