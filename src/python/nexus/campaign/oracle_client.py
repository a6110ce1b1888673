"""Oracle: what a user of the API may rely on, from what the clients themselves printed.

What must be refused is refused, an answer belongs to a call, and once the network is well every
client gets its answers within a bound of virtual time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nexus.campaign.judging import Violation
from nexus.campaign.observation import Observation
from nexus.campaign.workload_history import History, history_of

# After healing: a session that is dead is noticed within some seconds of keepalive, dialled within
# a backoff of at most two, and an ask waits four at most; then it is all round trips.
ALIVE_NS: Final = 15_000_000_000

_NS_PER_MS: Final = 1_000_000


def check(observation: Observation) -> Iterator[Violation]:
    """Yield what a client should not have seen."""
    history = history_of(observation)
    for line in history.stray:
        text = f"an answer to no call that is under way: {line.text!r}"
        yield Violation("stray-answer", line.machine, line.ns, text)
    for call in history.calls:
        if call.what == "abuse" and call.answer in ("ok", "absent", "value"):
            text = f"{call.name} asked for {' '.join(call.arguments)}, and was not refused"
            yield Violation("unauthorised", call.machine, call.return_ns or call.call_ns, text)
        elif call.what != "abuse" and call.answer == "refused":
            text = f"{call.name} {call.what} was refused ({call.details}), which it may do"
            yield Violation("refused", call.machine, call.return_ns or call.call_ns, text)
    yield from _liveness(observation, history)


def _liveness(observation: Observation, history: History) -> Iterator[Violation]:
    """Each client's last life shows in time that all of it works again."""
    expected = {step.machine for step in observation.steps if " alive " in step.text}
    for machine in sorted(expected & {machine for machine in observation.machines}):
        if not _is_genuine(observation, machine):
            continue
        lives = [line.ns for line in history.boots if line.machine == machine]
        # The steps of a life are timed by its own clock, which began at its start.
        begun_ns = max(lives, default=0) + observation.heal_ns if len(lives) > 1 else 0
        until_ns = max(begun_ns, observation.heal_ns) + ALIVE_NS
        alive = [line.ns for line in history.alive if line.machine == machine]
        is_late = not alive and observation.end_ns > until_ns
        if is_late or (alive and alive[-1] > until_ns):
            text = f"not alive within {ALIVE_NS // _NS_PER_MS} ms of a network that is well"
            yield Violation("not-alive", machine, until_ns, text)


def _is_genuine(observation: Observation, machine: str) -> bool:
    """Whether it is who it says: of an impostor nothing is expected but to be refused."""
    from nexus.campaign.oracle_wire import is_genuine

    identity = observation.secrets.identities.get(machine)
    return identity is None or is_genuine(identity)
