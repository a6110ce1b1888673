"""`report.html`: a run to look at, as one file that needs no network.

Jinja2 fills the template and escapes what guests, files and worlds gave.  Pure: values come in,
text comes out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Final

import jinja2

from nexus.core.text import show
from nexus.harness.report.event import KINDS, MAIN_KINDS, Event
from nexus.harness.report.hints import hints_of
from nexus.harness.report.recorded import busy_of, coverage_of, flame_of
from nexus.harness.report.windows import windows_of
from nexus.harness.summary import Deterministic, Summary

NS_PER_MS: Final = 1_000_000
NS_PER_US: Final = 1_000
TICK_NS: Final = 10

# As many as a browser lists and draws without a pause.  If there are more, the newest are shown.
EVENTS_MAX: Final = 100_000
CALLS_MAX: Final = 2_000
TAIL_LINES: Final = 12
LAST_EVENTS: Final = 25
# A line of a console on the page; the log beside it has all of it.
CONSOLE_PREFIX: Final = "uart-"
# The outcome of a run whose summary is lost, and all else that only the summary says.
UNKNOWN: Final = "unknown"
LINE_CHARACTERS_MAX: Final = 400
CONSOLE_BYTES_READ: Final = 64 << 10


def render(
    summary: Summary,
    events: Sequence[Event],
    consoles: Mapping[str, bytes],
    beside: Sequence[str],
    notes: Sequence[str] = (),
    recorded: Mapping[str, bytes] | None = None,
) -> str:
    """Make the page.

    Args:
        summary: of the run.
        events: its timeline, in order.
        consoles: what each machine printed.
        beside: names of the other artifacts.
        notes: what the reader must know of the page, such as what is missing in it.
        recorded: the files of coverage and profile, if there are any.
    """
    run = summary.deterministic
    shown = events[-EVENTS_MAX:]
    calls = [event for event in shown if event.kind == "answer"]
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_resource),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        style=_resource("page.css"),
        script=_resource("page.js"),
        run=_run(summary),
        notes=[*notes, *_left_out(len(events) - len(shown), len(calls))],
        missing=_missing(run),
        hints=hints_of(run, shown),
        tails=list(_tails(run, consoles)),
        last=[_row(event) for event in _main(shown)[-LAST_EVENTS:]],
        calls=[_call(event) for event in calls[-CALLS_MAX:]],
        sessions=[_row(event) for event in shown if _is_of_sessions(event)][-CALLS_MAX:],
        windows=windows_of(shown)[:CALLS_MAX],
        markers=list(_markers(run)),
        machines=list(_machines(run)),
        labels=list(consoles),
        faults=", ".join(f"{name} {count}" for name, count in run.faults.items()),
        files=list(beside),
        coverage=coverage_of(recorded or {}),
        flame=flame_of(recorded or {}),
        data=_data(run, shown, list(consoles)) | {"busy": busy_of(recorded or {}, list(consoles))},
    )


def _left_out(events: int, calls: int) -> Iterator[str]:
    """Say what a long run has and the page has not."""
    if events:
        yield f"{events} older events are left out; timeline.jsonl has them."
    if calls > CALLS_MAX:
        yield f"The table of calls has the last {CALLS_MAX} of {calls}."


def of_files(
    summary: Summary,
    events: Sequence[Event],
    artifacts: Mapping[str, bytes],
    notes: Sequence[str] = (),
) -> str:
    """Make the page of a run from its artifacts, named as they are on the disk."""
    consoles = {
        name.removeprefix(CONSOLE_PREFIX).removesuffix(".log"): content
        for name, content in artifacts.items()
        if name.startswith(CONSOLE_PREFIX)
    }
    return render(summary, events, consoles, list(artifacts), notes, artifacts)


def _run(summary: Summary) -> dict[str, object]:
    run = summary.deterministic
    is_known = summary.outcome != UNKNOWN
    return {
        "world": show(run.world),
        "outcome": summary.outcome,
        "message": show(run.message),
        "seed": run.seed if is_known else UNKNOWN,
        "virtual_ms": _ms(run.virtual_ns) if is_known else UNKNOWN,
        "engine": summary.engine,
        "exit_code": summary.exit_code if is_known else UNKNOWN,
        "expected_outcome": summary.expected_outcome,
    }


def _missing(run: Deterministic) -> dict[str, str] | None:
    if run.first_missing_marker is None:
        return None
    return {
        "machine": run.machine or "?",
        "phase": run.phase or "?",
        "marker": show(run.first_missing_marker),
    }


def _tails(run: Deterministic, consoles: Mapping[str, bytes]) -> Iterator[tuple[str, list[str]]]:
    """The ends of the consoles: of a failure all, the one at fault first; else none."""
    if run.outcome == "passed":
        return
    for label in sorted(consoles, key=lambda name: name != run.machine):
        raw = consoles[label][-CONSOLE_BYTES_READ:].split(b"\n")
        if raw and not raw[-1]:
            raw.pop()
        texts = [show(line.decode("utf-8", "backslashreplace")) for line in raw[-TAIL_LINES:]]
        if texts:
            yield label, [_short(text) for text in texts]


def _main(events: Sequence[Event]) -> list[Event]:
    return [event for event in events if event.kind in MAIN_KINDS]


def _is_of_sessions(event: Event) -> bool:
    if event.kind in ("announce", "handshake", "session", "stream", "sealed"):
        return True
    return event.kind == "console" and ("audit" in event.text or "denied" in event.text)


def _row(event: Event) -> dict[str, object]:
    return {
        "ns": event.ns,
        "ms": _ms(event.ns),
        "machine": show(event.machine),
        "kind": event.kind,
        "text": _short(show(event.text)),
    }


def _call(event: Event) -> dict[str, object]:
    values = event.values
    status = str(values.get("status", "?"))
    return {
        "ns": event.ns,
        "ms": _ms(event.ns),
        "caller": values.get("to", "?"),
        "callee": event.machine,
        "service": values.get("service", "?"),
        "operation": values.get("operation", "?"),
        "status": status,
        "class": "" if status.startswith("ok") else "bad",
        "latency_us": int(values.get("latency_ns", 0)) // NS_PER_US,
    }


def _markers(run: Deterministic) -> Iterator[dict[str, object]]:
    for entry in run.expectations:
        yield {
            "phase": entry.phase,
            "machine": entry.machine,
            "text": show(entry.marker),
            "ms": None if entry.seen_ns is None else _ms(entry.seen_ns),
        }


def _machines(run: Deterministic) -> Iterator[dict[str, object]]:
    for label, instructions in run.instructions.items():
        busy = min(1.0, instructions * TICK_NS / run.virtual_ns) if run.virtual_ns else 0.0
        yield {
            "label": show(label),
            "instructions": f"{instructions:,}",
            "busy": f"{busy:.1%}",
            "idle": f"{1 - busy:.1%}",
            "frames": run.frames_sent.get(label, 0),
            "state": show(run.machine_states.get(label, "unknown")),
        }


def _data(run: Deterministic, events: Sequence[Event], labels: list[str]) -> dict[str, object]:
    """Return the data of the page's script: events as short lists, since they may be very many."""
    index_of = {label: index for index, label in enumerate(labels)}
    kind_of = {kind: index for index, kind in enumerate(KINDS)}
    rows = [
        [
            event.ns,
            index_of.get(event.machine, -1),
            kind_of[event.kind],
            _short(show(event.text)),
            index_of.get(str(event.values.get("to", "")), -1),
        ]
        for event in events
    ]
    end_ns = max(run.virtual_ns, events[-1].ns if events else 0)
    return {
        "kinds": KINDS,
        "main": MAIN_KINDS,
        "labels": labels,
        "end_ns": end_ns,
        "events": rows,
    }


def _short(text: str) -> str:
    if len(text) <= LINE_CHARACTERS_MAX:
        return text
    return f"{text[:LINE_CHARACTERS_MAX]}... ({len(text)} characters)"


def _ms(ns: int) -> str:
    return f"{ns / NS_PER_MS:.6f}"


def _resource(name: str) -> str:
    return files("nexus.harness.report").joinpath(name).read_text(encoding="utf-8")
