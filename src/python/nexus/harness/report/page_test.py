"""The page says what happened, escapes what a guest says, and stays within its bounds."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any  # Any: JSON, as it is read.

import pytest

from nexus.harness.activity import Activity
from nexus.harness.report.event import Event
from nexus.harness.report.page import EVENTS_MAX, render
from nexus.harness.report.windows import windows_of
from nexus.harness.summary import Deterministic, ExpectationSummary, Summary, Wall

PLANTED = "</script><script>alert(1)</script><b onclick=x>&amp;"


def summary(**changed: object) -> Summary:
    values: dict[str, object] = {
        "world": "os2vm",
        "settings": [],
        "seed": 1,
        "until": "end",
        "outcome": "passed",
        "message": "2 of 2 markers seen",
        "machine": None,
        "phase": None,
        "first_missing_marker": None,
        "virtual_ns": 10_000_000,
        "phases": [],
        "expectations": [],
        "machine_states": {"A": "idle"},
        "instructions": {"A": 250_000},
        "frames_sent": {"A": 3},
        "frames_not_captured": 0,
        "faults": {},
        "digests": None,
    }
    run = Deterministic.model_validate(values | changed)
    return Summary(
        outcome=run.outcome,
        exit_code=0 if run.outcome == "passed" else 51,
        expected_outcome="passed",
        engine="nexus.emulator (native)",
        is_reproducible=True,
        deterministic=run,
        wall=Wall(total_ms=1.0, phases_ms={}),
    )


def console(ms: int, text: str, machine: str = "A") -> Event:
    return Event(ns=ms * 1_000_000, machine=machine, kind="console", text=text)


class Tags(HTMLParser):
    """Counts elements, and holds each opened one to its end."""

    VOID = frozenset({"meta", "input", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.count: dict[str, int] = {}
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.count[tag] = self.count.get(tag, 0) + 1
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    held: dict[str, Any] = json.loads(found[1])
    return held


def test_a_page_is_well_formed_and_needs_no_network() -> None:
    page = render(summary(), [console(1, "hello")], {"A": b"hello\n"}, ["capture.pcapng"])
    assert Tags(page).open == []
    assert "http" not in re.sub(r"http-equiv", "", page)
    assert '<a href="capture.pcapng">' in page


def test_what_a_guest_prints_is_text() -> None:
    def page_of(text: str) -> str:
        run = summary(outcome="time-budget", message=text, world=text, first_missing_marker=text)
        consoles = {"A": text.encode() + b"\n\x1b[2J\xff\n"}
        return render(run, [console(1, text)], consoles, [], [text])

    page = page_of(PLANTED)
    plain, planted = Tags(page_of("x")), Tags(page)
    assert planted.open == []
    assert planted.count == plain.count
    assert plain.count["script"] == 2
    assert "\x1b" not in page
    assert data_of(page)["events"][0][3] == PLANTED


def test_a_failure_shows_the_missing_marker_and_the_consoles() -> None:
    expectation = ExpectationSummary(
        machine="A", phase="remote", marker="SELFTEST: end", is_pattern=False, seen_ns=None
    )
    page = render(
        summary(
            outcome="missing-remote",
            machine="A",
            phase="remote",
            first_missing_marker="SELFTEST: end",
            expectations=[expectation],
        ),
        [console(1, "dsoftbusd: remote proxy denied (service=statefsd)")],
        {"B": b"other\n", "A": b"last line without its end"},
        [],
    )
    assert '<pre class="marker" id="missing">SELFTEST: end</pre>' in page
    assert page.index("Last lines of machine A") < page.index("Last lines of machine B")
    assert "last line without its end" in page
    assert "Machine A denied a call at 1.000 ms" in page
    assert "not seen" in page


def test_idle_and_busy_time_are_shares_of_virtual_time() -> None:
    page = render(summary(), [], {"A": b""}, [])
    table = page.partition('id="machines"')[2].partition("</table>")[0]
    titles, cells = (
        re.findall(rf"<{kind}(?: .*?)?>(.*?)</{kind}>", table) for kind in ("th", "td")
    )
    assert dict(zip(titles, cells, strict=True)) == {
        "machine": "A",
        "instructions": "250,000",
        "busy": "25.0%",
        "idle": "75.0%",
        "frames sent": "3",
        "state at the end": "idle",
    }


def test_too_many_events_are_cut_and_the_page_says_so() -> None:
    labels = [f"m{index}" for index in range(32)]
    events = [console(index, "x", labels[index % 32]) for index in range(EVENTS_MAX + 7)]
    page = render(summary(), events, dict.fromkeys(labels, b""), [])
    assert "7 older events are left out" in page
    held = data_of(page)
    assert len(held["events"]) == EVENTS_MAX
    assert held["events"][-1][1] == (EVENTS_MAX + 6) % 32


def test_a_long_line_is_shortened_on_the_page() -> None:
    page = render(summary(), [console(1, "x" * 100_000)], {"A": b"x" * 100_000}, [])
    assert len(page) < 60_000
    assert "(100000 characters)" in page


@pytest.mark.parametrize(
    ("events", "hint"),
    [
        ([console(2, "kernel: service crashed name=logd cause=13")], "reports a crash at 2.000 ms"),
        (
            [console(2, "dsoftbusd: announce ignored (key mismatch peer=node-b)")],
            "Compare the peer&#39;s public_key",
        ),
        (
            [
                Event(
                    ns=1,
                    machine="B",
                    kind="handshake",
                    text="message 1",
                    values={"connection": 1, "to": "A"},
                )
            ],
            "stopped after message 1 of 3, sent by machine B",
        ),
        ([Event(ns=1, machine="A", kind="fault", text="loss A>B")], "the last one is loss A&gt;B"),
    ],
)
def test_evidence_of_a_failure_is_named(events: list[Event], hint: str) -> None:
    page = render(summary(outcome="missing-session"), events, {"A": b""}, [])
    assert hint in page


def test_the_same_run_gives_the_same_page() -> None:
    events = [console(1, "hello")]
    assert render(summary(), events, {"A": b""}, []) == render(summary(), events, {"A": b""}, [])


def test_busy_time_is_drawn_in_the_lanes() -> None:
    activity = Activity()
    activity.note(100_000, {"A": 5_000})  # Half of it: an instruction takes 10 ns.
    activity.note(200_000, {"A": 5_000})
    page = render(
        summary(),
        [console(1, "x")],
        {"A": b"", "B": b""},
        [],
        (),
        {"activity.json": activity.render().encode()},
    )
    assert data_of(page)["busy"] == {"ns": 100_000, "lanes": [[50, 0], []]}


def test_a_damaged_record_of_busy_time_leaves_the_page_without_it() -> None:
    page = render(summary(), [], {"A": b""}, [], (), {"activity.json": b"{"})
    assert data_of(page)["busy"] is None


# The titles of the sections that a run without records does not have.
TITLES = ("Coverage of the guest", "Where the guest spent its instructions")


def test_coverage_and_profile_are_shown_and_escaped() -> None:
    recorded = {
        "coverage.info": f"SF:{PLANTED}\nDA:1,1\nLF:2\nLH:1\nend_of_record\n".encode(),
        "profile.folded": f"A;kernel;{PLANTED.replace(' ', '_')} 7\n".encode(),
    }
    page = render(summary(), [], {"A": b""}, [], (), recorded)
    assert all(title in page for title in TITLES)
    assert "1 of 2 lines were executed" in page
    assert "7 samples, 100.0 %" in page
    assert "alert(1)</script>" not in page


def test_a_run_without_them_has_no_section_of_them() -> None:
    page = render(summary(), [], {"A": b""}, [])
    assert not any(title in page for title in TITLES)


def test_thirty_two_machines_and_a_hundred_thousand_events_are_one_page() -> None:
    labels = [f"node-{index:02}" for index in range(32)]
    events = [console(index // 100, "x" * 40, labels[index % 32]) for index in range(100_000)]
    page = render(summary(), events, dict.fromkeys(labels, b""), [])
    assert len(data_of(page)["events"]) == 100_000
    assert len(page) < 12_000_000


def test_a_console_of_a_hundred_megabytes_is_shown_by_its_end() -> None:
    huge = b"x" * 99 + b"\n"
    console_bytes = huge * 1_000_000 + b"the last line"
    page = render(summary(outcome="garbled-log"), [], {"A": console_bytes}, [])
    assert "the last line" in page
    assert len(page) < 100_000


def test_an_interrupted_run_says_so() -> None:
    page = render(summary(outcome="interrupted", message="Ctrl-C"), [], {"A": b"half a li"}, [])
    assert "interrupted" in page
    assert "half a li" in page


def of_stream(kind: str, machine: str, to: str, **values: str | int) -> Event:
    return Event.model_validate(
        {
            "ns": 1,
            "machine": machine,
            "kind": kind,
            "text": "x",
            "values": {"connection": 1, "to": to, **values},
        }
    )


def test_windows_of_streams_are_followed() -> None:
    events = [
        of_stream("stream", "B", "A", credit=100),
        of_stream("data", "A", "B", stream="3 'bulk'", bytes=90),
        of_stream("credit", "B", "A", stream="3 'bulk'", credit=40),
        of_stream("data", "A", "B", stream="3 'bulk'", bytes=50),
    ]
    (row,) = windows_of(events)
    assert (row["sender"], row["stream"], row["sent"]) == ("A", "3 'bulk'", 140)
    assert (row["first"], row["granted"], row["least"], row["left"]) == (100, 40, 0, 0)
    page = render(summary(), events, {"A": b"", "B": b""}, [])
    assert "Windows of streams" in page
    assert '<tr class="bad"><td>1</td>' in page


def test_a_machine_that_sent_nothing_has_sent_no_frames() -> None:
    page = render(summary(frames_sent={}), [], {}, [])
    row = page.partition("frames sent</th>")[2].partition("</tr>\n</tbody>")[0]
    assert '<td class="ns">0</td><td>idle</td>' in row
