"""The timeline as text: filtered, one line an event; and where two timelines part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from nexus.core.text import show
from nexus.harness.report.event import Event
from nexus.harness.summary import Deterministic

NS_PER_MS: Final = 1_000_000
CONTEXT: Final = 5


@dataclass(frozen=True, slots=True)
class Filter:
    """The selection of events that are shown; an empty one is all."""

    machines: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    from_ns: int = 0
    to_ns: int | None = None

    def accepts(self, event: Event) -> bool:
        """Say whether the event is shown; what is the whole world's belongs to every machine."""
        return (
            (not self.machines or event.machine in (*self.machines, ""))
            and (not self.kinds or event.kind in self.kinds)
            and event.ns >= self.from_ns
            and (self.to_ns is None or event.ns <= self.to_ns)
        )


def lines_of(events: Iterable[Event], chosen: Filter) -> Iterator[str]:
    """Yield one line for every event that is shown."""
    for event in events:
        if chosen.accepts(event):
            yield line_of(event)


def line_of(event: Event) -> str:
    """One event: milliseconds, machine, kind, text; control characters are escaped."""
    machine = show(event.machine) or "-"
    ms = f"{event.ns / NS_PER_MS:12.6f}"
    return f"{ms} ms  {machine:<8} {event.kind:<9} {show(event.text)}"


@dataclass(frozen=True, slots=True)
class Parting:
    """The parting of two runs: the index of the first different event, and both events there."""

    index: int
    first: Event | None
    second: Event | None


def part(first: Sequence[Event], second: Sequence[Event]) -> Parting | None:
    """Find the first difference; None if there is none."""
    for index, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return Parting(index, one, other)
    index = min(len(first), len(second))
    if len(first) == len(second):
        return None
    return Parting(
        index,
        first[index] if index < len(first) else None,
        second[index] if index < len(second) else None,
    )


def explain(
    parting: Parting, first: Sequence[Event], second: Sequence[Event], names: tuple[str, str]
) -> Iterator[str]:
    """Yield the difference for a person: what both had before, then what each has next."""
    one, other = parting.first, parting.second
    at = min(event.ns for event in (one, other) if event is not None)
    yield f"The runs part at {at / NS_PER_MS:.6f} ms, after {parting.index} equal events."
    yield f"Why: {_why(one, other)}"
    yield "Before it, in both:"
    for event in first[max(0, parting.index - CONTEXT) : parting.index]:
        yield f"  {line_of(event)}"
    for name, events in zip(names, (first, second), strict=True):
        yield f"Then, in {show(name)}:"
        following = events[parting.index : parting.index + CONTEXT]
        for event in following:
            yield f"  {line_of(event)}"
        if not following:
            yield "  nothing more"


def _why(one: Event | None, other: Event | None) -> str:
    if one is None or other is None:
        return "one run ends here, the other one goes on"
    if one.ns != other.ns:
        return f"the next event comes {abs(one.ns - other.ns)} ns earlier in one of them"
    for name in ("machine", "kind", "text", "values"):
        if getattr(one, name) != getattr(other, name):
            return f"the {name} of the event differs"
    return "the events differ"


def differing_inputs(one: Deterministic, other: Deterministic) -> list[str]:
    """List the inputs in which two runs differ, as far as their summaries have them."""
    found = [
        f"{name} {show(str(values[0]))} and {show(str(values[1]))}"
        for name in ("world", "seed", "until")
        if (values := (getattr(one, name), getattr(other, name)))[0] != values[1]
    ]
    if one.settings != other.settings:
        found.append("values of --set")
    if one.digests is None or other.digests is None:
        return found
    for kind, name in (("images", "image"), ("configs", "configuration of"), ("drives", "drive")):
        held, others = getattr(one.digests, kind), getattr(other.digests, kind)
        changed = sorted(it for it in {*held, *others} if held.get(it) != others.get(it))
        found += [f"{name} {show(it)}" for it in changed]
    return found
