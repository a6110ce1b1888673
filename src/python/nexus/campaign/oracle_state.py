"""Oracle: the state of a node is linearizable key by key, each mutation takes effect at most once,
and what was acknowledged and synced is there in the end.

The history is what the clients printed, and the last reader is the Python engine of StateFS on the
disk that the run left.  Every value is written once, so a value that comes back shows a mutation
that took effect twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nexus.campaign.judging import Violation
from nexus.campaign.observation import Observation
from nexus.campaign.oracle_linear import Operation, Verdict
from nexus.campaign.oracle_store import DOUBT, check_store
from nexus.campaign.workload_history import History, cuts, history_of, operations, syncs
from nexus.remotefs.state.block import MemoryDevice
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.store import Store
from nexus.simulation.faults.kinds import LYING

# Where the guests' init puts the state's disk, and the workload its keys.
SLOT: Final = 2
FOLDER: Final = "/state/shared/w/"


def check(observation: Observation) -> Iterator[Violation]:
    """Yield what no store could have given."""
    keepers = [machine for machine, slot in observation.disks if slot == SLOT]
    if len(keepers) != 1:
        return  # Nothing is kept, or by several: the calls do not say whose key it is.
    (keeper,) = keepers
    history = history_of(observation)
    for call in history.calls:
        if call.what == "get" and call.answer == "value" and not _is_written(call.details, history):
            text = f"{call.name} read {call.details!r}, which no client has written"
            yield Violation("unwritten-value", call.machine, call.return_ns or 0, text)
    lies = _has_lied(observation, keeper)
    found = _disk(observation, keeper)
    if isinstance(found, str) and not lies:
        yield Violation("damaged-disk", keeper, observation.end_ns, found)
    final = None if isinstance(found, str) or lies else found
    keys = sorted(final) if final is not None else []
    by_key = operations(history, keys)
    losses = list(cuts(observation, keeper))
    common: list[Operation] = [*syncs(history), *losses]
    if lies:  # The disk kept none of its promises, so the store need keep none but to be readable.
        common = [Operation(each.name, each.call_ns, each.return_ns, DOUBT) for each in losses]
    for key, finding in check_store(by_key, common, final).items():
        name = "undecided" if finding.verdict is Verdict.UNDECIDED else "not-linearizable"
        last = finding.longest[-1] if finding.longest else "the beginning"
        text = (
            f"key {key}: no order of {len(by_key[key])} calls, {len(common)} syncs and cuts "
            f"explains {' or '.join(finding.stuck) or 'them'} behind {last}"
        )
        ns = _instant(by_key[key], finding.stuck, observation.end_ns)
        yield Violation(name, keeper, ns, text)


def _is_written(value: str, history: History) -> bool:
    return any(call.what == "put" and call.arguments[1:] == (value,) for call in history.calls)


def _has_lied(observation: Observation, keeper: str) -> bool:
    place = f"{keeper}/{SLOT}"
    parts = (happened.fault.split("/", 1) for happened in observation.happened)
    return any(kind in LYING and rest.startswith(place) for kind, rest in parts)


def _disk(observation: Observation, keeper: str) -> dict[str, str | None] | str:
    """The workload's keys on the disk, or why it cannot be read."""
    content = observation.disks[keeper, SLOT]
    try:
        store = Store(MemoryDevice(content))
    except StateError as exc:
        return str(exc)
    found: dict[str, str | None] = {
        key.removeprefix(FOLDER): value.decode(errors="replace")
        for key, value in store.snapshot().items()
        if key.startswith(FOLDER)
    }
    return found


def _instant(history: list[Operation], stuck: tuple[str, ...], end_ns: int) -> int:
    """When the first of those came back that fit nowhere."""
    instants = [each.return_ns for each in history if each.name in stuck]
    return min((ns for ns in instants if ns is not None), default=end_ns)
