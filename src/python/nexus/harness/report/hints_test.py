"""The hints of the page: each cause follows from its evidence, and nothing without any."""

from __future__ import annotations

from typing import get_args

import pytest

from nexus.harness.report.event import Event, Kind
from nexus.harness.report.hints import HINTS_MAX, hints_of
from nexus.harness.summary import Deterministic

KINDS: tuple[Kind, ...] = get_args(Kind)
MS = 1_000_000


def run(**changed: object) -> Deterministic:
    values: dict[str, object] = {
        "world": "os2vm",
        "settings": [],
        "seed": 1,
        "until": "end",
        "outcome": "missing-session",
        "message": "no session",
        "machine": None,
        "phase": None,
        "first_missing_marker": None,
        "virtual_ns": 10 * MS,
        "phases": [],
        "expectations": [],
        "machine_states": {},
        "instructions": {},
        "frames_sent": {},
        "frames_not_captured": 0,
        "faults": {},
        "digests": None,
    }
    return Deterministic.model_validate(values | changed)


def event(
    kind: Kind, text: str = "", machine: str = "A", ns: int = MS, **values: str | int
) -> Event:
    return Event(ns=ns, machine=machine, kind=kind, text=text, values=values)


CRASHED = "kernel: service crashed name=logd cause=load addr=0x0 pc=0x10"
PANIC = "thread 1 panic: integer overflow"
IDENTITY = "dsoftbusd: identity mismatch peer=node-b"
ANNOUNCED = "dsoftbusd: announce ignored (key mismatch peer=node-b)"
DENIED = "dsoftbusd: remote proxy denied (service=bundlemgrd)"
COMPARE = " Compare the peer's public_key in its node file with the key that the peer announces."
OF_CONSOLES = [
    (CRASHED, f"Machine B reports a crash at 2.500 ms: {CRASHED}"),
    (PANIC, f"Machine B reports a crash at 2.500 ms: {PANIC}"),
    (IDENTITY, f"Machine B refuses a peer's key at 2.500 ms: {IDENTITY}.{COMPARE}"),
    (ANNOUNCED, f"Machine B refuses a peer's key at 2.500 ms: {ANNOUNCED}.{COMPARE}"),
    (DENIED, f"Machine B denied a call at 2.500 ms: {DENIED}"),
]


@pytest.mark.parametrize(("line", "hint"), OF_CONSOLES)
@pytest.mark.parametrize("kind", ["console", "marker"])
def test_a_line_of_a_console_is_named_once_with_its_instant(
    kind: Kind, line: str, hint: str
) -> None:
    first = event(kind, line, "B", 2_500_000)
    later = event(kind, line, "A", 3_000_000)
    assert hints_of(run(), [event("console", "init: ready"), first, later]) == [hint]


@pytest.mark.parametrize("line", [line for line, _ in OF_CONSOLES])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("console", "marker")])
def test_what_only_mentions_such_a_line_is_no_evidence(kind: Kind, line: str) -> None:
    said = " ".join(hints_of(run(), [event(kind, line)]))
    assert "reports a crash" not in said
    assert "refuses a peer's key" not in said
    assert "denied a call" not in said


def test_a_run_that_passed_has_no_hints() -> None:
    assert hints_of(run(outcome="passed"), [event("console", CRASHED)]) == []
    assert hints_of(run(outcome="guest-panic"), []) == []


def test_who_is_silent_while_others_announce_themselves() -> None:
    both = run(instructions={"A": 1, "B": 1, "C": 1})
    hints = ["Machine B never announced itself.", "Machine C never announced itself."]
    assert hints_of(both, [event("announce", "node-a")]) == hints
    assert hints_of(both, [event("announce", machine=label) for label in "ABC"]) == []
    assert hints_of(both, [event("frame")]) == [], "no machine announces: that says nothing of one"


@pytest.mark.parametrize("count", [1, 2, 3])
def test_where_a_handshake_stopped(count: int) -> None:
    events = [
        event("handshake", ns=number * MS, machine="AB"[number % 2], connection=7)
        for number in range(count)
    ]
    hints = [
        f"The handshake of connection 7 stopped after message {count} of 3, sent by machine "
        f"{'AB'[(count - 1) % 2]} at {count - 1}.000 ms."
    ]
    assert hints_of(run(), events) == (hints if count < 3 else [])
    ready = event("session", ns=9 * MS, connection=7)
    assert hints_of(run(), [*events, ready]) == []
    other = event("session", ns=9 * MS, connection=8)
    assert hints_of(run(), [*events, other]) == (hints if count < 3 else [])


def test_of_several_handshakes_the_first_that_stopped_is_named() -> None:
    done = [event("handshake", connection=1) for _ in range(3)]
    stopped = [event("handshake", connection=number) for number in (2, 3)]
    (hint,) = hints_of(run(), [*done, *stopped])
    assert hint.startswith("The handshake of connection 2 stopped after message 1 of 3")


def test_faults_of_the_network_are_counted_and_the_last_is_named() -> None:
    faults = [event("fault", f"loss {number}", "AB"[number], number * MS) for number in (0, 1)]
    text = "The network made 2 faults; the last one is loss 1 of machine B at 1.000 ms."
    assert hints_of(run(), [*faults, event("frame")]) == [text]


def test_the_last_call_that_failed_is_named() -> None:
    answers = [
        event("answer", "first", status="refused"),
        event("answer", "second", "B", 2 * MS, status="failed"),
        event("answer", "third", ns=3 * MS, status="ok"),
        event("answer", "fourth", ns=4 * MS, status="ok, not_found"),
    ]
    assert hints_of(run(), answers) == ["Machine B answered at 2.000 ms: second"]
    assert hints_of(run(), answers[2:]) == []
    assert hints_of(run(), [event("call", "first", status="refused")]) == []
    without = event("answer", "nothing is known of it")
    assert hints_of(run(), [without]) == ["Machine A answered at 1.000 ms: " + without.text]


def test_the_last_line_of_the_machine_that_is_at_fault() -> None:
    events = [
        event("console", "first"),
        event("console", "second", ns=2 * MS),
        event("marker", "third", ns=3 * MS),
        event("console", "of another", "B", 4 * MS),
    ]
    line = "The last line of machine A came at 2.000 ms: second"
    assert hints_of(run(machine="A"), events) == [line]
    assert hints_of(run(machine="C"), events) == []
    assert hints_of(run(), events) == []


def test_the_strongest_come_first_and_are_few() -> None:
    labels = [f"M{number}" for number in range(HINTS_MAX + 3)]
    events = [
        event("announce"),
        event("console", DENIED),
        event("console", IDENTITY),
        event("console", CRASHED),
    ]
    hints = hints_of(run(instructions=dict.fromkeys(labels, 1)), events)
    assert len(hints) == HINTS_MAX == 6
    assert "reports a crash" in hints[0]
    assert "refuses a peer's key" in hints[1]
    assert hints[2:] == [f"Machine {label} never announced itself." for label in labels[:4]]


def test_what_a_guest_says_is_shown_harmlessly() -> None:
    (hint,) = hints_of(run(), [event("console", f"{PANIC}\x1b[2J")])
    assert "\x1b" not in hint
