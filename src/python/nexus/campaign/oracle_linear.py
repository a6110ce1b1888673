"""Is a history of concurrent operations one that a single store could have given?

The checker is the search of Wing and Gong with the memory of Lowe ("Testing for linearizability",
2017): it tries to put the operations into one order that agrees with real time and with a model,
and never looks twice at the same set of done operations with the same state.  The model may allow
several states after an operation, so a state of the search is a set of them.  A history over keys
is linearizable if that of each key is (Herlihy and Wing, locality), so each key is searched alone.

It knows nothing of machines, consoles or frames: operations come in, a verdict goes out.

Rules of this file
------------------
1. An operation without a return may take effect at any time after its call, or never; but once.
2. Two operations of which one returns in the instant in which the other is called overlap: that is
   the weaker claim, so an instant's width never makes a violation.
3. The search is bounded.  A history that is not decided says so; it never counts as good.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

# Histories of a fault world have some dozen operations a key and decide within some hundred
# configurations; this many take about a second, and beyond it a history is a workload's mistake.
CONFIGURATIONS_MAX: Final = 200_000


class Verdict(Enum):
    """The result of a search."""

    LINEARIZABLE = "linearizable"
    IMPOSSIBLE = "impossible"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a client, or something that happens to the store, such as a power cut.

    Attributes:
        name: whose and which, for people.
        call_ns: when it was asked for.
        return_ns: when its answer was there; None is that its outcome is not known.
        action: what the model does, such as `put`.
        value: of a put, what is written; None for others.
        answer: what the client got: for a get the value, None for no such key.
    """

    name: str
    call_ns: int
    return_ns: int | None
    action: str
    value: str | None = None
    answer: str | None = None


# From a state and an operation to the states that may follow; none: it cannot have happened.
Model = Callable[[Hashable, Operation], Iterable[Hashable]]


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict, and of a bad history how far any order came.

    Attributes:
        verdict: the result.
        longest: names of the operations of the longest order that was possible.
        stuck: names of those that had returned but fit nowhere behind it.
    """

    verdict: Verdict
    longest: tuple[str, ...] = ()
    stuck: tuple[str, ...] = ()


@dataclass(slots=True)
class _Frame:
    """One operation put into the order, and where the search goes on if that was wrong."""

    index: int
    states: frozenset[Hashable]  # Before it.
    candidates: list[int]  # Still to be tried in its place.


def check(
    operations: Sequence[Operation],
    model: Model,
    initial: Hashable,
    *,
    configurations_max: int = CONFIGURATIONS_MAX,
) -> Finding:
    """Search for an order of one key's operations.

    Args:
        operations: in any sequence; names are unique.
        model: what each operation does to a state of the key.
        initial: the key's state before the first.
        configurations_max: after how many sets of done operations to give up.
    """
    history = sorted(operations, key=lambda each: (each.call_ns, each.name))
    required = frozenset(i for i, each in enumerate(history) if each.return_ns is not None)
    done: set[int] = set()
    states: frozenset[Hashable] = frozenset([initial])
    seen: set[tuple[frozenset[int], frozenset[Hashable]]] = set()
    stack: list[_Frame] = []
    longest: tuple[int, ...] = ()
    candidates = _minimal(history, done)
    while not required <= done:
        chosen = _take(history, model, states, candidates)
        if chosen is not None:
            index, after = chosen
            done.add(index)
            configuration = (frozenset(done), after)
            if configuration not in seen:
                seen.add(configuration)
                if len(seen) > configurations_max:
                    return Finding(Verdict.UNDECIDED)
                stack.append(_Frame(index, states, candidates))
                states = after
                candidates = _minimal(history, done)
                if len(stack) > len(longest):
                    longest = tuple(frame.index for frame in stack)
            else:
                done.discard(index)
            continue
        if not stack:
            return _impossible(history, longest)
        frame = stack.pop()
        done.discard(frame.index)
        states, candidates = frame.states, frame.candidates
    return Finding(Verdict.LINEARIZABLE, tuple(history[frame.index].name for frame in stack))


def _minimal(history: Sequence[Operation], done: set[int]) -> list[int]:
    """Those that may come next: none that is not done had returned before they were called.

    In reverse, for they are taken from the end: first what returned, by its call, then what may
    never have happened.
    """
    rest = [i for i in range(len(history)) if i not in done]
    returns = [ns for i in rest if (ns := history[i].return_ns) is not None]
    first_ns = min(returns, default=0)
    open_now = [i for i in rest if history[i].call_ns <= first_ns]
    return sorted(open_now, key=lambda i: (history[i].return_ns is None, i), reverse=True)


def _take(
    history: Sequence[Operation],
    model: Model,
    states: frozenset[Hashable],
    candidates: list[int],
) -> tuple[int, frozenset[Hashable]] | None:
    """The next candidate that the model allows, and what follows; those before it are dropped."""
    while candidates:
        index = candidates.pop()
        after = frozenset(state for each in states for state in model(each, history[index]))
        if after:
            return index, after
    return None


def _impossible(history: Sequence[Operation], longest: tuple[int, ...]) -> Finding:
    names = tuple(history[i].name for i in longest)
    rest = _minimal(history, set(longest))
    stuck = (history[i].name for i in reversed(rest) if history[i].return_ns is not None)
    return Finding(Verdict.IMPOSSIBLE, names, tuple(stuck))
