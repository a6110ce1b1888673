"""Steps drawn, written, encoded for the guest, and what its lines are read as."""

from __future__ import annotations

import pytest

from nexus.campaign.observation import Line, Step
from nexus.campaign.oracle_linear import Operation
from nexus.campaign.oracle_store import DELETE, GET, PUT
from nexus.campaign.workload import (
    STEPS_MAX,
    Op,
    configure,
    draw,
    encode_step,
    read_config,
    write_step,
)
from nexus.campaign.workload_history import operations, read_history, syncs
from nexus.config import records
from nexus.config.error import ConfigError
from nexus.core.identity import service_id
from nexus.core.randomness import KeyedRandom
from nexus.harness.phase import Phase
from nexus.harness.plan import Expectation, MachinePlan, Plan

MACHINES = ("A", "B", "C")
TABLE: dict[str, object] = {"clients": ["A", "C"], "auditor": "B", "steps": 20, "keys": 2}
SERVICE = service_id("workload-client")


def test_the_same_seed_draws_the_same_steps_and_another_draws_others() -> None:
    first = draw(TABLE, MACHINES, KeyedRandom(1))
    assert draw(TABLE, MACHINES, KeyedRandom(1)) == first
    assert draw(TABLE, MACHINES, KeyedRandom(2)) != first
    assert [step.number for step in first] == list(range(2 * 21 + 1))
    assert first[20].text.startswith("at 2000 ms alive key ")
    assert (first[-1].machine, first[-1].text) == ("B", "at 8000 ms audit, 1 tries")


def test_steps_of_a_client_are_in_time_and_of_the_keys_that_there_are() -> None:
    steps = [step for step in draw(TABLE, MACHINES, KeyedRandom(3)) if step.machine == "A"]
    instants = [int.from_bytes(encode_step(step.text)[3:], "little") for step in steps]
    assert instants == sorted(instants)
    assert min(instants) >= 200
    puts = [encode_step(step.text)[1] for step in steps if " put " in step.text]
    assert set(puts) <= {0, 1}


def test_one_client_more_changes_no_step_of_the_others() -> None:
    alone = draw({**TABLE, "clients": ["A"]}, MACHINES, KeyedRandom(1))
    both = draw(TABLE, MACHINES, KeyedRandom(1))
    assert [s.text for s in both if s.machine == "A"] == [s.text for s in alone[:21]]


def test_in_the_end_a_client_opens_as_many_files_as_it_may_if_asked_to() -> None:
    plain = draw(TABLE, MACHINES, KeyedRandom(1))
    asked = draw({**TABLE, "handles": True}, MACHINES, KeyedRandom(1))
    more = [step.text for step in asked if "handles" in step.text]
    assert more == ["at 2000 ms handles, 60 tries"] * 2
    assert [s.text for s in asked if "handles" not in s.text] == [s.text for s in plain]
    assert asked[21].text == more[0]


def test_a_step_is_encoded_as_the_guest_reads_it() -> None:
    text = write_step(1000, Op.PUT, 3, 2)
    assert text == "at 1000 ms put key 3, 2 tries"
    assert encode_step(text) == b"\x01\x03\x02\xe8\x03\x00\x00"
    assert encode_step("at 5 ms sync, 1 tries") == b"\x04\x00\x01\x05\x00\x00\x00"
    for bad in ("at 5 ms fly, 1 tries", "put", ""):
        with pytest.raises(ValueError, match="is not a step of a workload; expected one like"):
            encode_step(bad)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"clients": ["D"]}, "'D' is an unknown machine; expected A, B, C"),
        ({"auditor": "AA"}, "'AA' is an unknown machine"),
        ({"steps": STEPS_MAX}, "steps"),
        ({"key": 3}, "did you mean 'keys'"),
        ({"from_ms": 3000}, "3000; expected less than until_ms, which is 2000"),
    ],
)
def test_what_is_no_workload(changed: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_config({**TABLE, **changed}, MACHINES)


def plan(*machines: tuple[str, dict[int, list[tuple[int, bytes]]]]) -> Plan:
    made = [
        MachinePlan(
            label=label,
            image_name="system",
            image=b"",
            config=records.pack({service_id("init"): [(1, b"logd")], **own}),
            mac=b"\x52\x54\0\0\0\x01",
        )
        for label, own in machines
    ]
    ready = Expectation(made[0].label, Phase.LAUNCH, "init: ready")
    return Plan(name="w", seed=1, machines=tuple(made), expectations=(ready,))


def section(of: Plan, label: str) -> list[tuple[int, bytes]]:
    (machine,) = (each for each in of.machines if each.label == label)
    return records.unpack(machine.config).get(SERVICE, [])


def test_steps_take_the_place_of_those_in_the_file() -> None:
    client = {SERVICE: [(1, b"node-b"), (2, bytes(7))]}
    made = configure(plan(("A", client), ("B", {})), [Step(0, "A", "at 1 ms sync, 1 tries")])
    assert section(made, "A") == [(1, b"node-b"), (2, b"\x04\x00\x01\x01\x00\x00\x00")]
    assert section(made, "B") == []
    # The shrinker took all of them.
    assert section(configure(plan(("A", client)), []), "A") == [(1, b"node-b")]


def test_a_machine_without_a_client_does_no_steps() -> None:
    with pytest.raises(ConfigError, match=r"\[service.workload-client\] is missing"):
        configure(plan(("B", {})), [Step(0, "B", "at 1 ms sync, 1 tries")])


LINES = """\
workload: boot aa
workload: call aa.0.0 put 1 aa.0.0
workload: done aa.0.0 ok
dsoftbusd: ready
workload: call aa.1.0 get 1
workload: done aa.1.0 value aa.0.0
workload: call aa.2.0 get 2
workload: done aa.2.0 absent
workload: call aa.3.0 delete 1
workload: done aa.3.0 absent
workload: call aa.4.0 sync
workload: done aa.4.0 unknown Failed
workload: call aa.5.0 put 1 aa.5.0
workload: done aa.5.0 unknown Failed
workload: done aa.9.0 ok
workload: call aa.6.0 abuse list
workload: done aa.6.0 refused access_denied
workload: call aa.7.0 put 2 aa.7.0
"""


def test_lines_are_calls_and_answers() -> None:
    lines = [Line(10 * n, "A", text) for n, text in enumerate(LINES.splitlines())]
    history = read_history(lines)
    assert [line.text for line in history.stray] == ["workload: done aa.9.0 ok"]
    assert [call.answer for call in history.calls if call.what == "abuse"] == ["refused"]
    assert operations(history) == {
        "1": [
            Operation("aa.0.0", 10, 20, PUT, "aa.0.0"),
            Operation("aa.1.0", 40, 50, GET, None, "aa.0.0"),
            Operation("aa.3.0", 80, 90, DELETE, None, "absent"),
            Operation("aa.5.0", 120, None, PUT, "aa.5.0"),
        ],
        "2": [
            Operation("aa.2.0", 60, 70, GET),
            Operation("aa.7.0", 170, None, PUT, "aa.7.0"),
        ],
    }
    assert [each.return_ns for each in syncs(history)] == [None]
