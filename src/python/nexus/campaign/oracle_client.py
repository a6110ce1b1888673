"""Oracle: what a user of the API may rely on, from what the clients themselves printed.

What must be refused is refused, an answer belongs to a call, and once the network is well every
client gets its answers within a bound of virtual time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nexus.campaign.judging import Violation
from nexus.campaign.observation import Observation
from nexus.campaign.oracle_wire import is_genuine
from nexus.campaign.workload_history import Call, History, history_of
from nexus.contract import marker
from nexus.simulation.faults.kinds import LYING
from nexus.wire.line import pattern_of

# After healing: a session that is dead is noticed within some seconds of keepalive, dialled within
# a backoff of at most two, and an ask waits four at most; then it is all round trips.
ALIVE_NS: Final = 15_000_000_000

_CRASHED: Final = pattern_of(marker.INIT_CRASHED)
_POLICY: Final = "policyd"

_NS_PER_MS: Final = 1_000_000
_END: Final = "workload: end"


def check(observation: Observation) -> Iterator[Violation]:
    """Yield what a client should not have seen."""
    history = history_of(observation)
    lies = any(each.fault.split("/")[0] in LYING for each in observation.happened)
    for line in history.stray:
        text = f"an answer to a call that is not under way: {line.text!r}"
        yield Violation("stray-answer", line.machine, line.ns, text)
    for call in history.calls:
        if call.what == "abuse" and call.answer in ("ok", "absent", "value"):
            text = f"{call.name} asked for {' '.join(call.arguments)}, and was not refused"
            yield Violation("unauthorised", call.machine, call.return_ns or call.call_ns, text)
        elif call.details == "HandleLives":
            text = f"{call.name} {call.what}: a handle still lives that should be closed"
            yield Violation("leak", call.machine, call.return_ns or call.call_ns, text)
        elif call.details == "HandleLost" and call.call_ns > observation.heal_ns:
            text = f"{call.name} {call.what}: a handle that is in use was closed"
            yield Violation("handle-lost", call.machine, call.return_ns or call.call_ns, text)
        elif (
            call.what != "abuse"
            and call.answer == "refused"
            and not _is_excused(call, lies)
            and not _is_unjudged(call, observation)
        ):
            text = f"{call.name} {call.what} was refused ({call.details}), but is permitted"
            yield Violation("refused", call.machine, call.return_ns or call.call_ns, text)
    yield from _liveness(observation, history)
    yield from _handles(observation, history)


def _is_excused(call: Call, lies: bool) -> bool:
    """Whether the store could not but refuse: it sees that its disk has lied."""
    return lies and call.details in ("integrity_violation", "rollback_detected")


def _is_unjudged(call: Call, observation: Observation) -> bool:
    """Whether the policy that was asked crashed meanwhile: no answer in time counts as a no."""
    return (
        call.details == "access_denied"
        and call.return_ns is not None
        and any(
            found[1] == _POLICY
            for line in observation.lines
            if call.call_ns <= line.ns <= call.return_ns
            and (found := _CRASHED.fullmatch(line.text)) is not None
        )
    )


def _handles(observation: Observation, history: History) -> Iterator[Violation]:
    """Each client's last life could open as many files as it may, whatever was left open before."""
    ended = {line.machine: line.ns for line in observation.lines if line.text == _END}
    for machine in sorted({step.machine for step in observation.steps if " handles," in step.text}):
        tries = [c for c in history.calls if c.what == "handles" and c.machine == machine]
        if machine in ended and not any(each.answer == "ok" for each in tries):
            text = f"no session could open as many files as it may, in {len(tries)} tries"
            yield Violation("leak", machine, ended[machine], text)


def _liveness(observation: Observation, history: History) -> Iterator[Violation]:
    """Each client's last life shows in time that all of it works again."""
    expected = {step.machine for step in observation.steps if " alive " in step.text}
    identities = observation.secrets.identities
    for machine in sorted(expected & set(observation.machines)):
        identity = identities.get(machine)
        if identity is not None and not is_genuine(identity):
            continue  # An impostor needs no calls: it is to be refused.
        lives = [line.ns for line in history.boots if line.machine == machine]
        # The steps of a life are timed by its own clock, which began at its start.
        begun_ns = max(lives, default=0) + observation.heal_ns if len(lives) > 1 else 0
        until_ns = max(begun_ns, observation.heal_ns) + ALIVE_NS
        alive = [line.ns for line in history.alive if line.machine == machine]
        is_late = not alive and observation.end_ns > until_ns
        if is_late or (alive and alive[-1] > until_ns):
            text = f"not alive within {ALIVE_NS // _NS_PER_MS} ms after the network was well"
            yield Violation("not-alive", machine, until_ns, text)
