"""The steps of clients while faults happen: drawn from the seed, written into the nodes' blobs.

A step is a line of text such as `at 400 ms put key 2, 4 tries`, so that a replay names it and the
shrinker can leave it out; every step is drawn by itself, so the others stay as they were.  The
guest's part is testprojects/fault_worlds/client; what it prints `nexus.campaign.workload_history`
reads.

    [workload]                  # A scenario has this table.
    clients = ["A", "C"]        # Labels of machines that start `workload-client`.
    auditor = "B"               # The machine whose log is read in the end.
    steps = 12                  # Steps of each client.
    keys = 3                    # Fewer keys are more contention.
    from_ms = 200               # By the clock of the client: when the first step may begin ...
    until_ms = 2000             # ... and when the last has begun; then it shows that it is alive.
    audit_ms = 8000             # By the auditor's clock.
    handles = true              # In the end a client opens as many files as it may; takes 10 s.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from enum import IntEnum
from typing import Annotated, Final

from nexus.campaign.observation import Step
from nexus.config import records
from nexus.config.error import ConfigError, Problem
from nexus.config.fields import Label, Many, Model
from nexus.config.limits import Count, Within
from nexus.config.load import parse
from nexus.core.errors import did_you_mean
from nexus.core.identity import service_id
from nexus.core.randomness import KeyedRandom
from nexus.harness.plan import MachinePlan, Plan

SERVICE: Final = "workload-client"

# The guest's bound (client/plan.zig).
STEPS_MAX: Final = 64
_TAG_STEP: Final = 2
_STEP: Final = struct.Struct("<BBBI")


class Op(IntEnum):
    """An operation of a client; the numbers are the guest's."""

    PUT = 1
    GET = 2
    DELETE = 3
    SYNC = 4
    RESOLVE = 5
    QUERY = 6
    PACKAGE = 7
    AUDIT = 8
    ABUSE = 9
    ALIVE = 10
    HANDLES = 11


KEYED: Final = (Op.PUT, Op.GET, Op.DELETE, Op.ABUSE, Op.ALIVE)

# How often each is drawn: most of what can go wrong with state goes wrong with changes and cuts.
WEIGHTS: Final[Mapping[Op, int]] = {
    Op.PUT: 7,
    Op.GET: 5,
    Op.DELETE: 2,
    Op.SYNC: 3,
    Op.RESOLVE: 1,
    Op.QUERY: 1,
    Op.PACKAGE: 2,
    Op.ABUSE: 3,
}

# As often as a person would press the button again; the last step has until the run ends.
_TRIES: Final = 3
_TRIES_ALIVE: Final = 60
# Files that were left open in bad weather make room after ten seconds without use.
_TRIES_HANDLES: Final = 60
_ABUSES: Final = 5
_WHERE: Final = "workload"

_TEXT: Final = re.compile(r"at (\d+) ms ([a-z]+)(?: key (\d+))?, (\d+) tries")


class WorkloadConfig(Model):
    """`[workload]` of a scenario; milliseconds of the node's own clock."""

    clients: Annotated[Many[Label], Count(1, 31)]
    auditor: Label | None = None
    steps: Annotated[int, Within(0, STEPS_MAX - 3)] = 12
    keys: Annotated[int, Within(1, 16)] = 3
    from_ms: Annotated[int, Within(0, 600_000)] = 200
    until_ms: Annotated[int, Within(1, 600_000)] = 2000
    audit_ms: Annotated[int, Within(1, 600_000)] = 8000
    handles: bool = False


def read_config(
    table: Mapping[str, object], machines: Sequence[str], source: str = _WHERE
) -> WorkloadConfig:
    """Read the table of a scenario's file; `source` names both.

    Raises:
        ConfigError: with one line for every mistake.
    """
    config = parse(WorkloadConfig, dict(table), source)
    named = [(f"clients[{i}]", label) for i, label in enumerate(config.clients)]
    if config.auditor is not None:
        named.append(("auditor", config.auditor))
    problems = [
        Problem(
            field,
            f"{label!r} is an unknown machine; expected {', '.join(machines)}"
            + did_you_mean(label, machines),
        )
        for field, label in named
        if label not in machines
    ]
    if config.from_ms >= config.until_ms:
        text = f"{config.from_ms}; expected less than until_ms, which is {config.until_ms}"
        problems.append(Problem("from_ms", text))
    if problems:
        raise ConfigError(source, problems)
    return config


def draw(
    table: Mapping[str, object], machines: Sequence[str], random: KeyedRandom
) -> tuple[Step, ...]:
    """Draw the steps of one run.

    Those of a client are spread over its time; then it shows that it is alive; in the end the
    auditor prints its log.

    Raises:
        ConfigError: the table has a mistake.
    """
    config = read_config(table, machines)
    steps: list[Step] = []
    for client in config.clients:
        span_ms = config.until_ms - config.from_ms
        for index in range(config.steps):
            name = ("workload", client, index)
            begin_ms = config.from_ms + span_ms * index // config.steps
            at_ms = begin_ms + random.below(max(span_ms // config.steps, 1), "at", *name)
            op = _draw_op(random, *name)
            key = random.below(_ABUSES if op is Op.ABUSE else config.keys, "key", *name)
            tries = 1 if op is Op.ABUSE else _TRIES
            steps.append(Step(len(steps), client, write_step(at_ms, op, key, tries)))
        key = random.below(config.keys, "alive", client)
        text = write_step(config.until_ms, Op.ALIVE, key, _TRIES_ALIVE)
        steps.append(Step(len(steps), client, text))
        if config.handles:
            text = write_step(config.until_ms, Op.HANDLES, 0, _TRIES_HANDLES)
            steps.append(Step(len(steps), client, text))
    if config.auditor is not None:
        text = write_step(config.audit_ms, Op.AUDIT, 0, 1)
        steps.append(Step(len(steps), config.auditor, text))
    return tuple(steps)


def _draw_op(random: KeyedRandom, *name: str | int) -> Op:
    drawn = random.below(sum(WEIGHTS.values()), "op", *name)
    for op, weight in WEIGHTS.items():
        if drawn < weight:
            return op
        drawn -= weight
    raise AssertionError(f"{drawn} is beyond the sum of all weights")


def write_step(at_ms: int, op: Op, key: int, tries: int) -> str:
    """Write a step as a replay and a timeline name it."""
    about = f" key {key}" if op in KEYED else ""
    return f"at {at_ms} ms {op.name.lower()}{about}, {tries} tries"


def encode_step(text: str) -> bytes:
    """Encode a step for the guest.

    Raises:
        ValueError: it is not a step; the message says what one looks like.
    """
    found = _TEXT.fullmatch(text)
    names = [op.name.lower() for op in Op]
    if found is None or found[2] not in names:
        raise ValueError(
            f"{text!r} is not a step of a workload; expected one like "
            f"'at 400 ms put key 2, 4 tries', with one of {', '.join(names)}"
        )
    op = Op[found[2].upper()]
    return _STEP.pack(op, int(found[3] or 0), int(found[4]), int(found[1]))


def configure(plan: Plan, steps: Iterable[Step]) -> Plan:
    """Put the steps into the machines' blobs, in place of those that their files give."""
    by_machine: dict[str, list[bytes]] = {machine.label: [] for machine in plan.machines}
    for step in steps:
        by_machine[step.machine].append(encode_step(step.text))
    machines = tuple(_configure(each, by_machine[each.label]) for each in plan.machines)
    return replace(plan, machines=machines)


def _configure(machine: MachinePlan, steps: Sequence[bytes]) -> MachinePlan:
    sections = records.unpack(machine.config)
    own = sections.get(service_id(SERVICE))
    if own is None:
        if steps:
            raise ConfigError(
                f"machine {machine.label}",
                [
                    Problem(
                        "service", f"[service.{SERVICE}] is missing; its steps need this service"
                    )
                ],
            )
        return machine
    kept = [(tag, value) for tag, value in own if tag != _TAG_STEP]
    sections[service_id(SERVICE)] = [*kept, *((_TAG_STEP, step) for step in steps)]
    return replace(machine, config=records.pack(sections))
