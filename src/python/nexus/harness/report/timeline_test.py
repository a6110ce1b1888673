"""The timeline as a file and as text, filtered; and where two of them part."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.harness.report.event import Event, TimelineError, parse, render
from nexus.harness.report.page_test import summary
from nexus.harness.report.story import merged, of_trace
from nexus.harness.report.timeline import (
    CONTEXT,
    Filter,
    differing_inputs,
    explain,
    line_of,
    lines_of,
    part,
)


def console(ms: int, text: str, machine: str = "A") -> Event:
    return Event(ns=ms * 1_000_000, machine=machine, kind="console", text=text)


EVENTS = [
    Event(ns=0, machine="", kind="phase", text="launch begins"),
    console(1, "hello"),
    console(2, "hello", "B"),
    Event(ns=3_000_000, machine="B", kind="frame", text="ARP", values={"number": 1}),
]


def test_the_file_is_read_as_it_was_written() -> None:
    assert list(parse(render(EVENTS))) == EVENTS


def test_a_line_of_the_file_has_values_only_where_there_are_some() -> None:
    assert render([EVENTS[1], EVENTS[3]]) == (
        '{"ns": 1000000, "machine": "A", "kind": "console", "text": "hello"}\n'
        '{"ns": 3000000, "machine": "B", "kind": "frame", "text": "ARP", "values": {"number": 1}}\n'
    )


# All that UTF-8 can say.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXTS, TEXTS)
def test_any_text_of_a_guest_is_kept(text: str, machine: str) -> None:
    event = Event(ns=1, machine=machine, kind="console", text=text)
    assert list(parse(render([event]).encode().decode())) == [event]


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("{", "the line"),
        ('{"ns": 1, "machine": "A", "kind": "console"}', "text"),
        ('{"ns": -1, "machine": "A", "kind": "console", "text": ""}', "ns"),
        ('{"ns": 1, "machine": "A", "kind": "other", "text": ""}', "kind"),
        ('{"ns": 1, "machine": "A", "kind": "console", "text": "", "more": 1}', "more"),
    ],
)
def test_a_line_that_is_no_event_is_named(line: str, place: str) -> None:
    with pytest.raises(TimelineError, match=f"line 2: {place}: "):
        list(parse(render(EVENTS[:1]) + line + "\n"))


@pytest.mark.parametrize(
    ("chosen", "indices"),
    [
        (Filter(), [0, 1, 2, 3]),
        (Filter(machines=("A",)), [0, 1]),
        (Filter(kinds=("console",)), [1, 2]),
        (Filter(from_ns=2_000_000), [2, 3]),
        (Filter(to_ns=1_000_000), [0, 1]),
        (Filter(machines=("B",), kinds=("frame",), from_ns=1, to_ns=9_000_000), [3]),
    ],
)
def test_a_filter_keeps_its_events_in_order(chosen: Filter, indices: list[int]) -> None:
    assert list(lines_of(EVENTS, chosen)) == [line_of(EVENTS[index]) for index in indices]


def test_a_line_of_a_guest_cannot_forge_another() -> None:
    line = line_of(console(1, "a\x1b[2Jb\n0.000001 ms  B        marker    passed"))
    assert "\n" not in line
    assert "\x1b" not in line


def test_events_of_one_instant_keep_the_order_of_their_sources() -> None:
    first, second = console(5, "first"), console(5, "second")
    assert merged([first], [second, console(1, "early")]) == [console(1, "early"), first, second]


def test_faults_and_ends_come_from_the_trace() -> None:
    text = "# 3 older events not kept\n5 A fault-loss A>B\n6 B console 3:abc\n7 B stop finished 0\n"
    assert [(e.ns, e.machine, e.kind, e.text) for e in of_trace(text)] == [
        (5, "A", "fault", "loss A>B"),
        (7, "B", "stop", "finished 0"),
    ]


def test_equal_runs_do_not_part() -> None:
    assert part(EVENTS, list(EVENTS)) is None


@pytest.mark.parametrize(
    ("second", "why"),
    [
        ([*EVENTS[:2], console(2, "other", "B")], "the text of the event differs"),
        ([*EVENTS[:2], console(3, "hello", "B")], "1000000 ns earlier"),
        ([*EVENTS[:2], console(2, "hello", "C")], "the machine of the event differs"),
        (EVENTS[:2], "one run ends here"),
    ],
)
def test_where_two_runs_part_and_why(second: list[Event], why: str) -> None:
    parting = part(EVENTS, second)
    assert parting is not None
    assert parting.index == 2
    text = "\n".join(explain(parting, EVENTS, second, ("one", "two")))
    assert why in text
    assert "after 2 equal events" in text
    assert "Then, in one:" in text


def test_what_is_shown_around_a_parting() -> None:
    """The last events before it, in both, and the first ones of each behind it."""
    many = [console(number, f"line {number}") for number in range(3 * CONTEXT)]
    at = 2 * CONTEXT
    other = [*many[:at], console(at, "another"), *many[at + 1 :]]
    parting = part(many, other)
    assert parting is not None
    lines = list(explain(parting, many, other, ("one", "two")))
    assert lines[0] == f"The runs part at {at}.000000 ms, after {at} equal events."
    assert lines[1:3] == ["Why: the text of the event differs", "Before it, in both:"]
    before = [f"  {line_of(each)}" for each in many[at - CONTEXT : at]]
    after = [f"  {line_of(each)}" for each in many[at + 1 : at + CONTEXT]]
    assert lines[3:] == [
        *before,
        "Then, in one:",
        f"  {line_of(many[at])}",
        *after,
        "Then, in two:",
        f"  {line_of(other[at])}",
        *after,
    ]


@pytest.mark.parametrize("is_first", [True, False])
def test_a_run_that_ends_before_the_other_has_nothing_more(is_first: bool) -> None:
    runs = (EVENTS[:1], EVENTS) if is_first else (EVENTS, EVENTS[:1])
    parting = part(*runs)
    assert parting is not None
    text = "\n".join(explain(parting, *runs, ("one", "two")))
    assert text.startswith("The runs part at 1.000000 ms, after 1 equal events.\nWhy: one run ends")
    assert f"Then, in {'one' if is_first else 'two'}:\n  nothing more" in text


NONE: dict[str, str] = {}
DIGESTS = {
    "images": {"system": "1"},
    "configs": {"A": "1"},
    "drives": {"A.drive2": "1", "A.drive3": "1"},
    "logs": NONE,
    "capture": "",
    "trace": "",
}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, []),
        ({"world": "other"}, ["world os2vm and other"]),
        ({"seed": 7}, ["seed 1 and 7"]),
        ({"until": "session"}, ["until end and session"]),
        ({"settings": ["link.loss"]}, ["values of --set"]),
        ({"digests": None}, []),
        ({"digests": {**DIGESTS, "images": {"system": "2"}}}, ["image system"]),
        ({"digests": {**DIGESTS, "configs": {"A": "2"}}}, ["configuration of A"]),
        ({"digests": {**DIGESTS, "configs": {}}}, ["configuration of A"]),
        (
            {"digests": {**DIGESTS, "drives": {"A.drive3": "2", "A.drive2": "1", "B.drive1": "1"}}},
            ["drive A.drive3", "drive B.drive1"],
        ),
        (
            {"seed": 2, "settings": ["x"], "digests": {**DIGESTS, "images": {}}},
            ["seed 1 and 2", "values of --set", "image system"],
        ),
    ],
)
def test_what_two_runs_were_given_that_differs(changed: dict[str, object], said: list[str]) -> None:
    one = summary(digests=DIGESTS).deterministic
    other = summary(**{"digests": DIGESTS} | changed).deterministic
    assert differing_inputs(one, other) == said
    assert len(differing_inputs(other, one)) == len(said)
