"""The output of clients, read as the calls and answers that oracles judge.

    workload: boot <tag>
    workload: call <tag>.<step>.<try> <what> [<key> [<value>]]
    workload: done <tag>.<step>.<try> <how it ended> [...]
    workload: audit <id> <message>

A call of which no answer was printed (its machine lost power) has an open end, like one whose
answer was that nothing is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from nexus.campaign.observation import Line, Observation
from nexus.campaign.oracle_linear import Operation
from nexus.campaign.oracle_store import ABSENT, CUT, DELETE, GET, PRESENT, PUT, SYNC

PREFIX: Final = "workload: "

# Faults after which a disk has only what was flushed, or what was written; either way the store
# may have lost what no SYNC had answered for.
_CUTS: Final = ("crash", "power-cut")


@dataclass(slots=True)
class Call:
    """One call of a client.

    `answer` is the first word of how it ended: ok, absent, value, refused; `unknown` where it is
    not known whether anything happened.
    """

    name: str
    machine: str
    what: str
    arguments: tuple[str, ...]
    call_ns: int
    return_ns: int | None = None
    answer: str = "unknown"
    details: str = ""

    @property
    def is_known(self) -> bool:
        """Whether the client learned how it ended."""
        return self.answer != "unknown"


@dataclass(slots=True)
class History:
    """All that the clients of a run printed."""

    calls: list[Call] = field(default_factory=list)
    boots: list[Line] = field(default_factory=list)
    alive: list[Line] = field(default_factory=list)
    audits: list[Line] = field(default_factory=list)  # With the record as text.
    audited: list[Line] = field(default_factory=list)
    stray: list[Line] = field(default_factory=list)  # Answers without a call, or a second one.


def read_history(lines: Iterable[Line]) -> History:
    """Read what was printed, line by line."""
    history = History()
    under_way: dict[str, Call] = {}
    for line in lines:
        if not line.text.startswith(PREFIX):
            continue
        word, _, rest = line.text.removeprefix(PREFIX).partition(" ")
        match word:
            case "call":
                name, _, what = rest.partition(" ")
                parts = what.split(" ")
                call = Call(name, line.machine, parts[0], tuple(parts[1:]), line.ns)
                under_way[name] = call
                history.calls.append(call)
            case "done":
                name, _, ending = rest.partition(" ")
                done = under_way.pop(name, None)
                if done is None or done.machine != line.machine:
                    history.stray.append(line)
                    continue
                done.answer, _, done.details = ending.partition(" ")
                done.return_ns = line.ns
            case "boot":
                history.boots.append(line)
            case "alive":
                history.alive.append(line)
            case "audited":
                history.audited.append(line)
            case "audit":
                message = rest.partition(" ")[2]
                history.audits.append(Line(line.ns, line.machine, message))
    return history


def history_of(observation: Observation) -> History:
    """Read the history of a run."""
    return read_history(observation.lines)


def operations(history: History, keys: Sequence[str] = ()) -> dict[str, list[Operation]]:
    """Puts, gets and deletes by key; what was refused did nothing, and is left out."""
    found: dict[str, list[Operation]] = {key: [] for key in keys}
    for call in history.calls:
        if call.what in (PUT, GET, DELETE) and call.answer != "refused" and call.arguments:
            found.setdefault(call.arguments[0], []).append(_operation(call))
    return found


def syncs(history: History) -> list[Operation]:
    """The syncs of all clients."""
    return [
        Operation(call.name, call.call_ns, call.return_ns if call.answer == "ok" else None, SYNC)
        for call in history.calls
        if call.what == SYNC and call.answer != "refused"
    ]


def cuts(observation: Observation, machine: str) -> Iterator[Operation]:
    """The power cuts of the machine that keeps the state."""
    for happened in observation.happened:
        kind, place = happened.fault.split("/")[:2]
        if kind in _CUTS and place == machine:
            yield Operation(happened.fault, happened.at_ns, happened.at_ns, CUT)


def _operation(call: Call) -> Operation:
    value = call.arguments[1] if len(call.arguments) > 1 else None
    back = call.return_ns if call.is_known else None
    answer: str | None = None
    if call.what == GET and call.answer == "value":
        answer = call.details
    if call.what == DELETE:
        answer = ABSENT if call.answer == "absent" else PRESENT
    return Operation(call.name, call.call_ns, back, call.what, value, answer)
