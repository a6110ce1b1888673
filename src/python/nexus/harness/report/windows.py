"""The windows of streams: what each side may send, and what it has sent.

A side may send what the other's settings allow at first, and what the other grants later.  A window
of 0 at the end of a run says why nothing more came.  Calls of the gateway are not in it: the
timeline shows them as calls.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nexus.core.text import show
from nexus.harness.report.event import Event

Key = tuple[int, str, str]  # Connection, sender and stream.


@dataclass(slots=True)
class Window:
    """One way of a stream."""

    sent: int = 0
    granted: int = 0
    least: int | None = None  # The smallest that the window ever was; None if it is not known.


def windows_of(events: Iterable[Event]) -> list[dict[str, object]]:
    """Follow the streams of a run; rows in the order in which the streams were used first."""
    allowed: dict[tuple[int, str], int] = {}  # Connection and sender: what settings allow.
    windows: dict[Key, Window] = {}
    for event in events:
        values = event.values
        connection, to = int(values.get("connection", 0)), str(values.get("to", ""))
        stream = str(values.get("stream", ""))
        if event.kind == "stream" and "credit" in values:
            allowed[connection, to] = int(values["credit"])
        elif event.kind == "credit" and stream:
            windows.setdefault((connection, to, stream), Window()).granted += int(values["credit"])
        elif event.kind == "data" and stream:
            window = windows.setdefault((connection, event.machine, stream), Window())
            window.sent += int(values.get("bytes", 0))
            first = allowed.get((connection, event.machine))
            if first is not None:
                left = first + window.granted - window.sent
                window.least = left if window.least is None else min(window.least, left)
    return [_row(key, window, allowed.get(key[:2])) for key, window in windows.items()]


def _row(key: Key, window: Window, first: int | None) -> dict[str, object]:
    connection, sender, stream = key
    return {
        "connection": connection,
        "sender": show(sender),
        "stream": show(stream),
        "sent": window.sent,
        "granted": window.granted,
        "first": "?" if first is None else first,
        "least": "?" if window.least is None else window.least,
        "left": "?" if first is None else first + window.granted - window.sent,
    }
