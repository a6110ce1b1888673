"""Observations for the tests of oracles: lines, events on the wire, and names of violations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any  # Any: fields of an observation.

from nexus.campaign import oracle_state
from nexus.campaign.judging import Violation
from nexus.campaign.observation import Line, Observation
from nexus.campaign.observation_cases import observation
from nexus.config.keys import derive_test_secret
from nexus.harness.plan import NodeIdentity
from nexus.harness.report.event import Event
from nexus.harness.report.story import Secrets

MS = 1_000_000
S = 1000 * MS
KEY = oracle_state.FOLDER + "1"


def identity(device_id: str, seed: str | None = None) -> NodeIdentity:
    return NodeIdentity(device_id, derive_test_secret(seed or device_id), True)


SECRETS = Secrets(
    identities={
        "A": identity("node-a"),
        "B": identity("node-b"),
        "X": identity("node-a", "impostor"),
    }
)


def lines(*texts: str, machine: str = "A", start_ms: int = 0) -> tuple[Line, ...]:
    """A line every millisecond; one with `B| ` before it is of machine B."""
    made = []
    for n, text in enumerate(texts):
        where, _, rest = text.partition("| ")
        label, said = (where, rest) if rest else (machine, text)
        made.append(Line((start_ms + n) * MS, label, said))
    return tuple(made)


def seen(events: Iterable[Event] = (), **given: Any) -> Observation:
    made = observation(secrets=SECRETS, **given)
    # The events that the frames would have shown.
    made.__dict__["_heard"] = (tuple(events), ())
    return made


def event(at_ms: int, machine: str, kind: str, text: str = "", **values: str | int) -> Event:
    return Event.model_validate(
        {"ns": at_ms * MS, "machine": machine, "kind": kind, "text": text, "values": values}
    )


def answer(at_ms: int, service: str, operation: str, status: str = "ok, ok") -> Event:
    values = {"service": service, "operation": operation, "status": status, "to": "A"}
    return event(at_ms, "B", "answer", **values)


def names(found: Iterable[Violation]) -> list[str]:
    return [violation.name for violation in found]


PUT = ("workload: call a.0.0 put 1 a.0.0", "workload: done a.0.0 ok")
