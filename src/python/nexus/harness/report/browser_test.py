"""The page in a real browser: it loads without errors, and search, filter, zoom and links work.

Chromium, where the host has it, runs the scripts of the page and of the test, and prints
the document that came of it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from nexus.harness.report.event import Event
from nexus.harness.report.page import render
from nexus.harness.report.page_test import console, summary

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")
SECONDS: Final = 60

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this host")

# Behind the page's own script; what went wrong and what the test asked for end up in the document.
PROBE: Final = """
<script>
const found = [];
window.addEventListener("error", (event) => found.push(`error: ${event.message}`));
</script>
%s
<script>
try { (() => { %s })(); } catch (error) { found.push(`error: ${error}`); }
const result = document.createElement("pre");
result.id = "result";
result.textContent = [document.body.dataset.ready, ...found].join("|");
document.body.append(result);
</script>
"""
TYPE: Final = 'byId("search").value = "%s"; byId("search").dispatchEvent(new Event("input"));'
HELPERS: Final = """
const byId = (id) => document.getElementById(id);
const rows = () => byId("list").tBodies[0].rows.length;
const press = (key) => byId("lanes").dispatchEvent(new KeyboardEvent("keydown", { key }));
"""


def asked(tmp_path: Path, script: str, events: list[Event], fragment: str = "") -> list[str]:
    """Open a page of two machines, run a script in it, return what it found."""
    page = render(summary(virtual_ns=100_000_000), events, {"A": b"", "B": b""}, [])
    head, mark, rest = page.partition("<body>")
    body, end, tail = rest.rpartition("</body>")
    probe = PROBE % (body, HELPERS + script)
    path = tmp_path / "report.html"
    path.write_text(head + mark + probe + end + tail)
    assert CHROMIUM is not None
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--dump-dom",
            f"file://{path.absolute()}{fragment}",
        ],
        capture_output=True,
        timeout=SECONDS,
        check=True,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    result = re.search(r'<pre id="result">(.*?)</pre>', done.stdout.decode(), re.DOTALL)
    assert result is not None, done.stderr.decode()[-2000:]
    return result[1].split("|")


EVENTS: Final = [
    console(1, "init: ready"),
    console(5, "init: ready", "B"),
    console(40, "SELFTEST: remote query ok"),
    Event(ns=60_000_000, machine="A", kind="frame", text="TCP hidden at first", values={"to": "B"}),
    console(90, "SELFTEST: end"),
]


def test_the_page_loads_and_lists_the_main_events(tmp_path: Path) -> None:
    assert asked(tmp_path, "found.push(rows());", EVENTS) == ["true", "4"]


def test_search_shows_what_matches(tmp_path: Path) -> None:
    script = TYPE % "selftest" + 'found.push(rows(), byId("count").textContent);'
    assert asked(tmp_path, script, EVENTS) == ["true", "2", "1 to 2 of 2 events"]


def test_a_kind_and_a_machine_are_filtered(tmp_path: Path) -> None:
    script = """
    document.querySelector('[data-kind=frame]').click();
    found.push(rows());
    byId("machine").value = "B";
    byId("machine").dispatchEvent(new Event("input"));
    found.push(rows());
    """
    assert asked(tmp_path, script, EVENTS) == ["true", "5", "1"]


def test_the_keyboard_zooms_and_moves(tmp_path: Path) -> None:
    script = """
    const range = () => found.push(byId("range").textContent);
    range(); press("+"); range(); press("ArrowRight"); range(); press("0"); range();
    """
    assert asked(tmp_path, script, EVENTS) == [
        "true",
        "0.000000 to 100.000000 ms",
        "25.000000 to 75.000000 ms",
        "30.000000 to 80.000000 ms",
        "0.000000 to 100.000000 ms",
    ]


def test_a_deep_link_chooses_the_event_at_an_instant(tmp_path: Path) -> None:
    script = 'found.push(byId("selected").textContent);'
    assert asked(tmp_path, script, EVENTS, "#t=40000000") == [
        "true",
        "40.000000 ms A console: SELFTEST: remote query ok",
    ]


def test_what_a_guest_prints_runs_nothing(tmp_path: Path) -> None:
    planted = '</script><script>found.push("planted")</script><img src=x onerror=alert(1)>'
    script = "found.push(document.images.length, rows());"
    assert asked(tmp_path, script, [console(1, planted)]) == ["true", "0", "1"]


def test_a_hundred_thousand_events_of_many_machines_load(tmp_path: Path) -> None:
    events = [console(index // 1000, "x" * 20, "AB"[index % 2]) for index in range(100_000)]
    script = 'found.push(byId("count").textContent);'
    assert asked(tmp_path, script, events) == ["true", "1 to 200 of 100000 events"]
