"""Hints for the reader of a failed run: the places where an expert would look first.

A table of causes: each looks for its evidence in the timeline and says what it means.  Nothing is
guessed without evidence, and an empty list is an honest answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from nexus.contract import marker
from nexus.core.text import show
from nexus.harness.report.event import Event
from nexus.harness.summary import Deterministic
from nexus.wire.line import start_of

Cause = Callable[[Deterministic, Sequence[Event]], Iterator[str]]
HINTS_MAX: Final = 6
_NS_PER_MS: Final = 1_000_000

_CRASH: Final = re.compile(f"{re.escape(start_of(marker.KERNEL_CRASHED))}.*|.*panic.*")
_MISMATCH: Final = re.compile(r".*(identity mismatch|key mismatch) .*")
_DENIED: Final = re.compile(re.escape(start_of(marker.PROXY_DENIED)) + ".*")


def hints_of(run: Deterministic, events: Sequence[Event]) -> list[str]:
    """Return what the evidence of a failed run points to, the strongest first."""
    if run.outcome == "passed":
        return []
    found: dict[str, None] = {}
    for cause in CAUSES:
        for hint in cause(run, events):
            found.setdefault(show(hint))
            if len(found) == HINTS_MAX:
                return list(found)
    return list(found)


def _crashed(run: Deterministic, events: Sequence[Event]) -> Iterator[str]:
    for event in _consoles(events, _CRASH):
        yield f"Machine {event.machine} reports a crash at {_at(event)}: {event.text}"
        return


def _keys_differ(run: Deterministic, events: Sequence[Event]) -> Iterator[str]:
    for event in _consoles(events, _MISMATCH):
        yield (
            f"Machine {event.machine} refuses a peer's key at {_at(event)}: {event.text}. Compare "
            "the peer's public_key in its node file with the key that the peer announces."
        )
        return


def _no_announce(run: Deterministic, events: Sequence[Event]) -> Iterator[str]:
    senders = {event.machine for event in events if event.kind == "announce"}
    for label in run.instructions:
        if senders and label not in senders:
            yield f"Machine {label} never announced itself."


def _handshake_stopped(run: Deterministic, events: Sequence[Event]) -> Iterator[str]:
    seen: dict[int, tuple[int, Event]] = {}
    ready = set()
    for event in events:
        connection = int(event.values.get("connection", 0))
        if event.kind == "handshake":
            seen[connection] = (seen.get(connection, (0, event))[0] + 1, event)
        elif event.kind == "session":
            ready.add(connection)
    for connection, (count, event) in seen.items():
        if count < 3 and connection not in ready:
            yield (
                f"The handshake of connection {connection} stopped after message {count} of 3, "
                f"sent by machine {event.machine} at {_at(event)}."
            )
            return


def _lost(run: Deterministic, events: Sequence[Event]) -> Iterator[str]:
    faults = [event for event in events if event.kind == "fault"]
    if faults:
        last = faults[-1]
        yield (
            f"The network made {len(faults)} faults; the last one is {last.text} of machine "
            f"{last.machine} at {_at(last)}."
        )


def _denied(run: Deterministic, events: Sequence[Event]) -> Iterator[str]:
    for event in _consoles(events, _DENIED):
        yield f"Machine {event.machine} denied a call at {_at(event)}: {event.text}"
        return


def _call_failed(run: Deterministic, events: Sequence[Event]) -> Iterator[str]:
    failed = [
        event
        for event in events
        if event.kind == "answer" and not str(event.values.get("status", "")).startswith("ok")
    ]
    if failed:
        yield f"Machine {failed[-1].machine} answered at {_at(failed[-1])}: {failed[-1].text}"


def _silent(run: Deterministic, events: Sequence[Event]) -> Iterator[str]:
    if run.machine is None:
        return
    last = next(
        (e for e in reversed(events) if e.machine == run.machine and e.kind == "console"), None
    )
    if last is not None:
        yield f"The last line of machine {run.machine} came at {_at(last)}: {last.text}"


CAUSES: Final[tuple[Cause, ...]] = (
    _crashed,
    _keys_differ,
    _no_announce,
    _handshake_stopped,
    _lost,
    _denied,
    _call_failed,
    _silent,
)


def _consoles(events: Sequence[Event], pattern: re.Pattern[str]) -> Iterator[Event]:
    return (
        event
        for event in events
        if event.kind in ("console", "marker") and pattern.fullmatch(event.text)
    )


def _at(event: Event) -> str:
    return f"{event.ns / _NS_PER_MS:.3f} ms"
