"""The limits and defaults of a run as numbers: what docs and options promise, and formats need.

Other tests reach these bounds, and take them from the code or make them small.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from nexus.core.fields_support import left_out
from nexus.entry import program
from nexus.harness import (
    activity,
    arguments,
    child,
    console,
    emulator_differential,
    image_files,
    instrument_options,
    judge,
    last_words,
    live,
    pcapng,
    places,
    plan,
    qemu_command,
    runner,
    wording,
)
from nexus.harness.phase import Phase
from nexus.harness.report import (
    capture,
    connection,
    hints,
    keys,
    packet,
    page,
    recorded,
    session,
    timeline,
    windows,
)

MS = 1_000_000


@pytest.mark.parametrize(
    ("what", "limit", "promised"),
    [
        ("where artifacts go", arguments.OUT_DEFAULT, Path("dist/os2vm")),
        ("seconds of a run", arguments.WALL_SECONDS_DEFAULT, 600),
        ("seconds of a run, at most", arguments._WALL_SECONDS_MAX, 86_400),
        ("the largest seed", arguments._SEED_MAX, 2**63 - 1),
        ("ms of a budget", arguments._BUDGET_MS_MAX, 86_400_000),
        ("characters of a marker", arguments._TEXT_CHARS_MAX, 1000),
        ("instructions of a run", plan.INSTRUCTIONS_MAX_DEFAULT, 4_000_000_000),
        ("what a world settles in", judge.SETTLE_NS, 100 * MS),
        ("what is watched after a failure", judge.AFTERMATH_NS, 10 * MS),
        ("bytes of a line", console.LINE_BYTES_MAX, 1024),
        ("bytes of a console", console.CONSOLE_BYTES_MAX, 10 << 20),
        ("characters of a bad line that are shown", console._SHOWN_CHARACTERS_MAX, 80),
        ("characters of a marker that are shown", wording._SHOWN_CHARACTERS_MAX, 80),
        ("lines that a run keeps", runner.LINES_KEPT_MAX, 100_000),
        ("last lines of a machine", last_words._TAIL_LINES, 12),
        ("lanes on a terminal", live.LANES_MAX, 12),
        ("pictures a second", 1 / live._REDRAW_S, 20),
        ("instructions between two samples", instrument_options.EVERY_DEFAULT, 100_000),
        ("and at most", instrument_options._EVERY_MAX, 1_000_000_000),
        ("the format of an activity file", activity.FORMAT, 1),
        ("stretches of an activity file", activity.STRETCHES_MAX, 512),
        ("its first stretches", activity._FIRST_NS, 100_000),
        ("ns of an instruction", activity._NS_PER_INSTRUCTION, 10),
        ("bytes of an image", image_files._IMAGE_BYTES_MAX, 64 << 20),
        ("bytes of a drive", image_files._DRIVE_BYTES_MAX, 128 << 20),
        ("bytes of a sector", image_files._SECTOR_BYTES, 512),
        ("bytes of lines that are searched", places._LINES_BYTES_MAX, 2 << 20),
        ("seconds until a process is killed", child.STOP_SECONDS, 2),
        ("the death signal of a parent", child._PR_SET_PDEATHSIG, 1),
        ("the oldest QEMU", qemu_command.VERSION_MIN, (7, 2)),
        ("how much longer QEMU may take", qemu_command.BUDGET_FACTOR, 10),
        ("probes of a program", emulator_differential.PROBES_DEFAULT, 200),
        ("programs that are compared", emulator_differential.PROGRAMS_DEFAULT, 10),
        ("rounds of arithmetic", emulator_differential._ROUNDS_DEFAULT, 40),
        ("exit code of a difference", emulator_differential.EXIT_DIFFERENT, 1),
        ("exit code of a host", program.EXIT_HOST, 21),
        ("exit code without QEMU", emulator_differential.EXIT_UNAVAILABLE, 22),
        ("bytes of a capture", pcapng.CAPTURE_BYTES_MAX, 64 << 20),
        ("bytes of a block that is read", capture.BLOCK_BYTES_MAX, 16 << 20),
        ("bytes ahead of a gap", connection.AHEAD_BYTES_MAX, 1 << 20),
        ("calls without an answer", session._CALLS_MAX, 4096),
        ("sessions of a key log", keys.SESSIONS_MAX, 65_536),
        ("hints", hints.HINTS_MAX, 6),
        ("events of a page", page.EVENTS_MAX, 100_000),
        ("calls of a page", page.CALLS_MAX, 2_000),
        ("lines of a machine on a page", page.TAIL_LINES, 12),
        ("last events of a page", page.LAST_EVENTS, 25),
        ("characters of a line on a page", page.LINE_CHARACTERS_MAX, 400),
        ("bytes of a console that are read", page.CONSOLE_BYTES_READ, 65_536),
        ("a tick", page.TICK_NS, 10),
        ("files of a coverage", recorded._FILES_MAX, 5_000),
        ("stacks of a profile", recorded._STACKS_MAX, 100_000),
        (
            "flags of TCP",
            (packet.FIN, packet.SYN, packet.RST, packet.PSH, packet.ACK),
            (1, 2, 4, 8, 16),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_limit_is_what_is_promised(what: str, limit: object, promised: object) -> None:
    assert limit == promised, what


def test_what_a_run_is_where_nothing_is_said() -> None:
    assert left_out(arguments.Options) == {
        "opens_sessions": True,
        "covers": False,
        "allows_unused_images": False,
    }
    assert left_out(plan.Expectation) == {
        "is_pattern": False,
        "is_ordered": True,
        "is_exclusive": True,
    }
    assert left_out(plan.MachinePlan) == {"ram_bytes": 64 << 20}
    assert left_out(plan.Plan) == {
        "instructions_max": 4_000_000_000,
        "until": Phase.END,
        "may_expect_nothing": False,
    }
    assert left_out(runner.Record) == {"now_ns": 0}
    ports = ("source_port", "target_port", "sequence", "flags")
    assert left_out(packet.Packet) == dict.fromkeys(ports, 0)
    assert left_out(timeline.Filter) == {"from_ns": 0}
    assert left_out(windows.Window) == {"sent": 0, "granted": 0}
