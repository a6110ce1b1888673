"""Captures read by tshark with the dissector, for its tests."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Final  # Any: JSON, as it is read.

from nexus.harness.report.opened import Opened, write
from nexus.wire import mux, rpc

TSHARK: Final = shutil.which("tshark")
# From this file on, so that a test can be run in any folder.
ROOT: Final = Path(__file__).parents[5]
SCRIPT: Final = ROOT / "tools/wireshark/nexus.lua"
SECONDS: Final = 120

MALFORMED: Final = "nexus.malformed"
# Whether the caller says it, and what is said.
Frame = tuple[bool, mux.Frame]


def run(tmp_path: Path, capture: bytes, *more: str) -> bytes:
    """Run tshark on a capture with these arguments; what it printed.

    Raises:
        AssertionError: the dissector has a defect, or is not where it should be.
        subprocess.SubprocessError: tshark failed.
    """
    path = tmp_path / "capture.pcapng"
    path.write_bytes(capture)
    assert TSHARK is not None, "the test is skipped without it"
    assert SCRIPT.is_file(), SCRIPT
    done = subprocess.run(
        [TSHARK, "-X", f"lua_script:{SCRIPT}", "-r", str(path), *more],
        capture_output=True,
        timeout=SECONDS,
        check=True,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
    )
    assert b"Lua: Error" not in done.stderr, done.stderr.decode()
    defects = [line for line in done.stdout.decode().splitlines() if "Lua Error" in line]
    assert not defects, defects[0]
    return done.stdout


def read(tmp_path: Path, capture: bytes, *more: str) -> list[dict[str, Any]]:
    """Read a capture with tshark; one dictionary of layers a packet."""
    printed = run(tmp_path, capture, "-T", "json", *more)
    packets: list[dict[str, Any]] = json.loads(printed, object_pairs_hook=keeping_all)
    return packets


def keeping_all(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Keep fields that come more than once: tshark repeats a key for each."""
    held: dict[str, Any] = {}
    for name, value in pairs:
        held[name if name not in held else f"{name}#{len(held)}"] = value
    return held


def data(message: bytes) -> Frame:
    """Bytes that the caller sends."""
    return True, mux.Data(1, message)


def reply(message: bytes) -> Frame:
    """Bytes that the other side sends."""
    return False, mux.Data(1, message)


def capture_of(sessions: Sequence[Sequence[Frame]]) -> bytes:
    """A capture of sessions, one behind the other; in each the caller opened `rpc/2` before."""
    opened = (True, mux.Open(1, 0, rpc.STREAM))
    return write(
        Opened(0, number, is_caller, frame.encode())
        for number, said in enumerate(sessions)
        for is_caller, frame in (opened, *said)
    )


def shown(tmp_path: Path, sessions: Sequence[Sequence[Frame]], *more: str) -> Any:
    """Return tshark's view of each session, frame by frame, without the OPEN."""
    packets = iter(read(tmp_path, capture_of(sessions), *more))
    return [[json.dumps(next(packets)) for _ in range(1 + len(said))][1:] for said in sessions]


def marked(tmp_path: Path, sessions: Sequence[Sequence[Frame]]) -> list[bool]:
    """Whether the last frame of each session is marked; cheaper than all that tshark says."""
    # A defect of the dissector is printed as a message, too, and then run() fails.
    chosen = ("-Y", f"{MALFORMED} or _ws.lua.error")
    fields = ("-T", "fields", "-e", "frame.number", "-e", "_ws.expert.message")
    printed = run(tmp_path, capture_of(sessions), *chosen, *fields).decode()
    found = {int(line.split("\t")[0]) for line in printed.splitlines()}
    ends = accumulate(1 + len(said) for said in sessions)
    return [end in found for end in ends]
