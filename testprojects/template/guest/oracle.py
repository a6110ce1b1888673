"""Events that must never be, whatever the network does: answers out of turn or without a sender."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nexus.campaign.judging import Violation
from nexus.campaign.observation import Observation

ANSWER = re.compile(r"ping: answer (\d+) from (\S+)")
NEIGHBOURS = {"A": "52:54:00:00:00:0b", "B": "52:54:00:00:00:0a"}


def check(observation: Observation) -> Iterator[Violation]:
    """Yield what breaks a rule; `observation` has consoles, frames, faults and disks of a run."""
    heard = dict.fromkeys(NEIGHBOURS, 0)
    for line in observation.lines:
        found = ANSWER.fullmatch(line.text)
        if found is None:
            continue
        heard[line.machine] += 1
        if int(found[1]) != heard[line.machine]:
            yield Violation("out-of-turn", line.machine, line.ns, line.text)
        if found[2] != NEIGHBOURS[line.machine]:
            yield Violation("wrong-neighbour", line.machine, line.ns, line.text)
