"""Python and the guest's own DSoftBus, on QEMU, both ways: one speaks noiseprotocol, one zig.

Needs the packaged system image, which Pants puts beside the test (see BUILD), and QEMU.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from nexus.dsoftbus.io import guest_interop_program_fake as program
from nexus.harness.engine import EngineUnavailableError
from nexus.harness.qemu import find

IMAGE: Final = Path("src.guest/system.elf")


def play(mode: str, folder: Path) -> dict[str, Any]:
    """Run one direction in a process of its own."""
    assert IMAGE.is_file(), f"{IMAGE} is missing: run this test with Pants"
    try:
        qemu, version = find()
    except EngineUnavailableError as exc:
        pytest.skip(str(exc))
    child = subprocess.run(
        [
            *(sys.executable, "-m", program.__name__, mode),
            *(str(IMAGE.resolve()), str(folder), qemu, version),
        ],
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)),
        capture_output=True,
        text=True,
        timeout=120,
    )
    if child.returncode == program.NO_NAMESPACE:
        pytest.skip("this system gives no network namespace")
    assert child.returncode == 0, child.stderr
    result: dict[str, Any] = json.loads(child.stdout)
    return result


def test_a_python_node_dials_a_guest_and_calls_it(tmp_path: Path) -> None:
    assert play("host-dials", tmp_path) == {
        "registered": [True, False],
        "bundles": 1,
        "refused": True,
        "mode": "streams",
    }
    uart = (tmp_path / "uart.log").read_text()
    assert "dsoftbusd: cross-vm session ok host-1" in uart
    assert "dsoftbusd: remote proxy ok (peer=host-1 service=samgrd)" in uart
    assert "dsoftbusd: remote proxy denied (service=packagefsd)" in uart


def test_a_guest_dials_a_python_node_and_calls_it(tmp_path: Path) -> None:
    result = play("guest-dials", tmp_path)
    assert result["sessions"] == 1
    assert set(result["served"]) == {1, 2}
    uart = (tmp_path / "uart.log").read_text()
    assert "SELFTEST: remote resolve ok" in uart
    assert "SELFTEST: remote query ok" in uart
