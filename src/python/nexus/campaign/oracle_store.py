"""The state store's promises for one key, as a model for the checker of `oracle_linear`.

A state is the value that readers see, and the values that a power cut may bring back: the durable
one and every one since.  None stands for a key that is not there.

    put, delete   readers see another value; the one before is one that may come back
    get           what readers see, and nothing else
    sync          nothing may come back: what readers see survives a power cut from now on
    cut           readers see any one of them, and it is durable (docs/spec/statefs.md: some whole
                  number of the operations issued, none of those before the last acknowledged sync
                  missing)
    doubt         the same of a disk that lies: nothing of it is durable then

It knows nothing of machines and frames.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from nexus.campaign.oracle_linear import Finding, Operation, Verdict, check

PUT: Final = "put"
GET: Final = "get"
DELETE: Final = "delete"
SYNC: Final = "sync"
CUT: Final = "cut"
DOUBT: Final = "doubt"
FINAL: Final = "final"  # The content of the disk when all is over.

# Answers to a delete: whether there was such a key.
PRESENT: Final = "present"
ABSENT: Final = "absent"


@dataclass(frozen=True, slots=True)
class State:
    """A key: what readers see, and what a power cut may bring back instead."""

    current: str | None = None
    before: frozenset[str | None] = frozenset()


INITIAL: Final = State()


def step(state: Hashable, operation: Operation) -> Iterable[Hashable]:
    """Give the states that may follow; none is that the operation cannot have happened so."""
    assert isinstance(state, State), f"no state of a key: {state!r}"
    current = state.current
    known = operation.return_ns is not None
    match operation.action:
        case "put":
            return [State(operation.value, state.before | {current})]
        case "delete":
            if known and operation.answer != (ABSENT if current is None else PRESENT):
                return []
            return [state if current is None else State(None, state.before | {current})]
        case "get" | "final":
            return [state] if not known or operation.answer == current else []
        case "sync":
            return [State(current)]
        case "cut":
            return [State(value) for value in {current, *state.before}]
        case "doubt":
            known_values = state.before | {current}
            return [State(value, known_values) for value in known_values]
        case other:
            raise ValueError(
                f"operation {operation.name}: {other!r} is not an operation of the store"
            )


def check_store(
    by_key: Mapping[str, Sequence[Operation]],
    common: Sequence[Operation],
    final: Mapping[str, str | None] | None = None,
) -> dict[str, Finding]:
    """Check each key alone; return the findings of those that are not linearizable.

    Args:
        by_key: puts, gets and deletes of each key.
        common: what happens to all keys alike: syncs and power cuts.
        final: what the disk holds in the end, of every key; None if it was not looked at.
    """
    bad = {}
    for key in sorted(by_key):
        history = [*by_key[key], *common]
        if final is not None:
            history.append(_final(history, final.get(key)))
        finding = check(history, step, INITIAL)
        if finding.verdict is not Verdict.LINEARIZABLE:
            bad[key] = finding
    return bad


def _final(history: Sequence[Operation], value: str | None) -> Operation:
    """The look at the disk, behind all that happened."""
    instants = [each.return_ns or each.call_ns for each in history]
    end_ns = max(instants, default=0) + 1
    look = Operation("the disk in the end", end_ns, end_ns, FINAL)
    return replace(look, answer=value)
