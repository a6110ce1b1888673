"""Python and the guest's own DSoftBus, on QEMU, both ways: one speaks noiseprotocol, one zig.

Needs the packaged system image, which Pants puts beside the test (see BUILD), and QEMU.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final  # Any: JSON, as it is read.

import pytest

from nexus.dsoftbus.io import guest_interop_program_support
from nexus.dsoftbus.io.guest_scene import NO_NAMESPACE
from nexus.harness.engine import EngineUnavailableError
from nexus.harness.qemu import find
from nexus.remotefs.state.io import guest_program_support

IMAGE: Final = Path("src.guest/system.elf")


def play(program: str, folder: Path, *mode: str) -> dict[str, Any]:
    """Run one program with a guest in a process of its own."""
    assert IMAGE.is_file(), f"{IMAGE} is missing: run this test with Pants"
    try:
        qemu, version = find()
    except EngineUnavailableError as exc:
        pytest.skip(str(exc))
    arguments = [*mode, str(IMAGE.resolve()), str(folder), qemu, version]
    child = subprocess.run(
        [sys.executable, "-m", program, *arguments],
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)),
        capture_output=True,
        text=True,
        timeout=120,
    )
    if child.returncode == NO_NAMESPACE:
        pytest.skip("this system gives no network namespace")
    assert child.returncode == 0, child.stderr
    result: dict[str, Any] = json.loads(child.stdout)
    return result


# How the side that is called says `rpc`, how the other one does, and what comes of the offer. Who
# says frames is as every node before there were messages.
@pytest.mark.parametrize(
    ("host", "guest", "messages"),
    [
        ("auto", "frames", "reset"),
        ("frames", "auto", "not made"),
        ("auto", "auto", "acknowledged"),
        ("schema", "schema", "acknowledged"),
    ],
)
def test_a_python_node_dials_a_guest_and_calls_it(
    tmp_path: Path, host: str, guest: str, messages: str
) -> None:
    assert play(guest_interop_program_support.__name__, tmp_path, "host-dials", host, guest) == {
        "registered": [True, False],
        "bundles": 1,
        "refused": True,
        "mode": "streams",
        "messages": messages,
    }
    uart = (tmp_path / "uart.log").read_text()
    assert "dsoftbusd: cross-vm session ok host-1" in uart
    assert "dsoftbusd: remote proxy ok (peer=host-1 service=samgrd)" in uart
    assert "dsoftbusd: remote proxy denied (service=packagefsd)" in uart


@pytest.mark.parametrize(
    ("host", "guest", "has_messages"),
    [
        ("auto", "frames", False),
        ("frames", "auto", False),
        ("auto", "auto", True),
        ("schema", "schema", True),
    ],
)
def test_a_guest_dials_a_python_node_and_calls_it(
    tmp_path: Path, host: str, guest: str, has_messages: bool
) -> None:
    result = play(guest_interop_program_support.__name__, tmp_path, "guest-dials", host, guest)
    assert result["sessions"] == 1
    assert set(result["served"]) == {1, 2}
    uart = (tmp_path / "uart.log").read_text()
    assert "SELFTEST: remote resolve ok" in uart
    assert "SELFTEST: remote query ok" in uart
    assert ("dsoftbusd: calls by schema peer=host-1" in uart) is has_messages


# The host takes messages where the guest does: the answers and the records are the same.
@pytest.mark.parametrize("guest", ["frames", "auto"])
def test_a_guests_state_and_log_from_a_python_node_and_from_a_shell(
    tmp_path: Path, guest: str
) -> None:
    key, sizes = guest_program_support.KEY, guest_program_support.SIZES
    result = play(guest_program_support.__name__, tmp_path, guest)
    assert result["small"] == ["1", f"{key}/a", "NOT_FOUND"]
    assert result["sizes"] == list(sizes)
    assert result["refused"] == ["ACCESS_DENIED", "INVALID_KEY", "VALUE_TOO_LARGE"]
    # The put whose answer was lost was repeated, and not made again over what came later.
    assert result["repeated"] == ["second"]
    # Exactly one record of each put and delete: those of frames, of transfers, of the repetition.
    changes = [line.split("peer=")[0] for line in result["log"] if "remote statefs" in line]
    allowed = "INFO audit remote statefs put allow "
    assert changes == [
        allowed,
        "INFO audit remote statefs delete allow ",
        *[allowed] * len(sizes),
        "WARN audit remote statefs put reject outside_acl ",
        "WARN audit remote statefs put reject prefix_escape ",
        *[allowed] * 2,
    ]
    is_same, lines = result["commands"]
    assert is_same
    assert sum("statefs put allow" in line for line in lines) >= 1
    assert not any(line.count("interop") for line in (*result["log"], *lines))
    uart = (tmp_path / "uart.log").read_text()
    assert "dsoftbusd: remote statefs served" in uart
    assert "unlogged" not in uart
