"""Oracle: no marker without its cause.

A marker is a claim; its cause is on the wire, decoded and opened with the world's keys.  Each row
names for a marker the lines that must precede it, and their machines; and there is never a marker
more than there are causes.  A line's instant is the end of a step, so one of the same instant
counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from nexus.campaign.judging import Violation
from nexus.campaign.observation import Line, Observation
from nexus.campaign.oracle_wire import is_genuine
from nexus.campaign.workload_history import PREFIX
from nexus.contract import marker
from nexus.harness.report.event import Event
from nexus.wire.line import pattern_of

# From an event, the machine that printed, the marker's groups, and the node of each device id.
_Causes = Callable[[Event, str, Sequence[str], dict[str, str]], bool]


@dataclass(frozen=True, slots=True)
class _Row:
    """A marker, what causes it, and whether each one needs a cause of its own."""

    pattern: re.Pattern[str]
    causes: _Causes
    is_counted: bool = True
    # Its cause is known when the marker is printed, not yet on the wire.
    is_sent_later: bool = False


def _session(event: Event, machine: str, groups: Sequence[str], ids: dict[str, str]) -> bool:
    """A handshake with the peer is complete, from whichever side."""
    ends = {event.machine, str(event.values.get("to", ""))}
    others = [label for label in ends if label != machine]
    return (
        event.kind == "session" and machine in ends and [ids.get(o) for o in others] == [groups[0]]
    )


def _ends(event: Event) -> tuple[str, str] | None:
    """The machine that serves a call or an answer, and the one that asks; None of other events."""
    other = str(event.values.get("to", ""))
    return {"answer": (event.machine, other), "call": (other, event.machine)}.get(event.kind)


def _served(service: str, operations: tuple[str, ...]) -> _Causes:
    def causes(event: Event, machine: str, groups: Sequence[str], ids: dict[str, str]) -> bool:
        values, ends = event.values, _ends(event)
        if values.get("service") != service or values.get("operation") not in operations:
            return False
        is_well = event.kind == "call" or str(values.get("status", "")).startswith("ok")
        return ends is not None and ends[0] == machine and is_well

    return causes


def _begun(said: Sequence[Event]) -> list[Event]:
    """Answers at the instant of their calls, and calls that were never answered.

    An answer waits in its machine while TCP repeats what was lost before it, and is never sent if
    the session or the run ends meanwhile.
    """
    answered = {
        (event.machine, event.values.get("correlation")) for event in said if event.kind == "answer"
    }
    begun: list[Event] = []
    for event in said:
        values = event.values
        if event.kind == "answer":
            began_ns = event.ns - int(values.get("latency_ns", 0))
            begun.append(event.model_copy(update={"ns": began_ns}))
        elif event.kind == "call" and (values.get("to"), values.get("correlation")) not in answered:
            begun.append(event)
    return begun


def _proxied(event: Event, machine: str, groups: Sequence[str], ids: dict[str, str]) -> bool:
    peer, service = groups
    ends = _ends(event)
    return (
        ends is not None
        and ends[0] == machine
        and ids.get(ends[1]) == peer
        and event.values.get("service") == service
    )


def _announced(event: Event, machine: str, groups: Sequence[str], ids: dict[str, str]) -> bool:
    return event.kind == "announce" and event.machine != machine


def _announces(event: Event, machine: str, groups: Sequence[str], ids: dict[str, str]) -> bool:
    return event.kind == "announce" and event.machine == machine


_ROWS: Final = (
    _Row(pattern_of(marker.SESSION_OK), _session),
    _Row(
        pattern_of(marker.STATE_SERVED),
        _served("statefsd", ("put", "delete")),
        is_counted=False,
        is_sent_later=True,
    ),
    _Row(
        pattern_of(marker.PACKAGES_SERVED),
        _served("packagefsd", ("stat", "open", "read", "close")),
        is_counted=False,
        is_sent_later=True,
    ),
    _Row(pattern_of(marker.PROXY_OK), _proxied, is_sent_later=True),
    _Row(pattern_of(marker.PEER_LEARNED), _announced, is_counted=False),
    _Row(pattern_of(marker.ANNOUNCE_SENT), _announces, is_counted=False),
)

# Each call of the workload's client, and the answer on the wire that has to come first.
_ANSWERS: Final = {
    "put": ("statefsd", "put"),
    "get": ("statefsd", "get"),
    "delete": ("statefsd", "delete"),
    "sync": ("statefsd", "sync"),
    "resolve": ("samgrd", "resolve_status"),
    "query": ("bundlemgrd", "list"),
    "package": ("packagefsd", "read"),
}


def check(observation: Observation) -> Iterator[Violation]:
    """Yield markers that nothing has caused."""
    identities = observation.secrets.identities
    ids = {label: each.device_id for label, each in identities.items() if is_genuine(each)}
    said = [event for event in observation.events if event.kind not in ("frame", "console")]
    begun = _begun(said)
    for row in _ROWS:
        seen: dict[tuple[str, tuple[str, ...]], int] = {}
        for line in observation.lines:
            found = row.pattern.fullmatch(line.text)
            if found is None:
                continue
            groups = found.groups()
            count = seen[line.machine, groups] = seen.get((line.machine, groups), 0) + 1
            causes = sum(
                row.causes(event, line.machine, groups, ids)
                for event in (begun if row.is_sent_later else said)
                if event.ns <= line.ns
            )
            if causes < (count if row.is_counted else 1):
                text = f"{line.text!r} was printed {count} times, but has {causes} causes"
                yield Violation("false-marker", line.machine, line.ns, text)
    yield from _answers(observation, said)


def _answers(observation: Observation, said: Sequence[Event]) -> Iterator[Violation]:
    """A client that was answered: the answer was sent to its machine since it had asked."""
    asked: dict[str, Line] = {}
    for line in observation.lines:
        word, _, rest = line.text.removeprefix(PREFIX).partition(" ")
        name, _, what = rest.partition(" ")
        if not line.text.startswith(PREFIX) or word not in ("call", "done"):
            continue
        if word == "call":
            asked[name] = line
            continue
        call = asked.pop(name, None)
        if call is None or what.startswith("unknown"):
            continue
        wanted = _ANSWERS.get(call.text.split(" ")[3])
        if wanted is not None and not any(
            event.kind == "answer"
            and event.values.get("to") == line.machine
            and (event.values.get("service"), event.values.get("operation")) == wanted
            and event.ns <= line.ns
            for event in said
        ):
            text = f"{line.text!r} was printed without an answer of {' '.join(wanted)} on the wire"
            yield Violation("false-answer", line.machine, line.ns, text)
