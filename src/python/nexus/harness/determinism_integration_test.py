"""The whole program on the real guest: one seed, one run, to the byte.

Each run is a process of its own with its own hash seed, as it is for a user.  Needs the packaged
system image, which Pants puts beside the test (see BUILD).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final  # Any: JSON, as it is read.

import pytest

from nexus.harness import os2vm
from nexus.harness.pcapng_support import read_frames

IMAGE: Final = Path("src.guest/system.elf")

NODE: Final = """\
[node]
id = "node-{me}"
mac = "52:54:00:12:34:0{me}"
[network]
address = "10.42.0.{ip}/24"
[dsoftbus]
static_key = {{ test_seed = "node-{me}" }}
port = 3456{port}
[[dsoftbus.peer]]
id = "node-{other}"
address = "10.42.0.{other_ip}"
port = 3456{other_port}
public_key = {{ test_seed = "node-{other}" }}
dial = {dial}
[[dsoftbus.allow]]
peer = "node-{other}"
service = "samgrd"
operations = ["resolve-status"]
[[dsoftbus.allow]]
peer = "node-{other}"
service = "bundlemgrd"
operations = ["list"]
[selftest]
mode = "{mode}"
{selftest}
"""

WORLD: Final = """\
[link]
delay_us = 500
{faults}
[[machine]]
label = "A"
node = "node-a.toml"
image = "system"
[[machine]]
label = "B"
node = "node-b.toml"
image = "system"
[[expect]]
machine = "A"
phase = "session"
marker = "dsoftbusd: cross-vm session ok node-b"
[[expect]]
machine = "A"
phase = "remote"
marker = "SELFTEST: remote query ok"
[[expect]]
machine = "A"
phase = "end"
marker = "SELFTEST: end"
[[expect]]
machine = "B"
phase = "end"
marker = "SELFTEST: end"
"""

# A tenth of the frames are lost, a twentieth damaged, and they overtake each other.
FAULTS: Final = """\
jitter_us = 2000
loss = "1/10"
duplicate = "1/10"
corrupt = "1/20"
"""

COMPARED: Final = ("uart-A.log", "uart-B.log", "capture.pcapng", "trace.txt", "junit.xml")

# Message 1 of the handshake on the wire: its length, the ephemeral key, a tag.
_MESSAGE_1: Final = b"\x00\x30"
_MESSAGE_1_BYTES: Final = 50
_EPHEMERAL_BYTES: Final = 32


@dataclass(frozen=True)
class _Run:
    folder: Path
    summary: dict[str, Any]

    def file(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def ephemeral_key(self) -> bytes:
        """The dialler's ephemeral key, from the first segment that carries message 1."""
        for frame in read_frames(self.file("capture.pcapng")):
            payload = _tcp_payload(frame)
            if len(payload) == _MESSAGE_1_BYTES and payload.startswith(_MESSAGE_1):
                return payload[2 : 2 + _EPHEMERAL_BYTES]
        raise AssertionError("no handshake in the capture")


def _tcp_payload(frame: bytes) -> bytes:
    is_tcp = frame[12:14] == b"\x08\x00" and frame[23] == 6
    if not is_tcp:
        return b""
    packet = frame[14 : 14 + int.from_bytes(frame[16:18], "big")]
    segment = packet[(packet[0] & 15) * 4 :]
    return segment[(segment[12] >> 4) * 4 :]


def _write_world(folder: Path, faults: str = "") -> Path:
    folder.mkdir()
    names = ("me", "ip", "port", "other", "other_ip", "other_port", "dial", "mode", "selftest")
    rows = (
        ("a", 10, 7, "b", 11, 8, "true", "client", 'peer = "node-b"'),
        ("b", 11, 8, "a", 10, 7, "false", "server", ""),
    )
    for row in rows:
        text = NODE.format(**dict(zip(names, row, strict=True)))
        (folder / f"node-{row[0]}.toml").write_text(text)
    world = folder / "world.toml"
    world.write_text(WORLD.format(faults=faults))
    return world


def _run(world: Path, out: Path, *, seed: int, hash_seed: int) -> _Run:
    assert IMAGE.is_file(), f"{IMAGE} is missing: run this test with Pants"
    command = [sys.executable, "-m", os2vm.__name__, "--world", str(world)]
    command += ["--image", f"system={IMAGE}", "--out", str(out), "--seed", str(seed)]
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": str(hash_seed)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return _Run(out, json.loads((out / "summary.json").read_text()))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, _Run]:
    folder = tmp_path_factory.mktemp("runs")
    world = _write_world(folder / "world")
    return {
        "first": _run(world, folder / "first", seed=1, hash_seed=1),
        "again": _run(world, folder / "again", seed=1, hash_seed=2),
        "other": _run(world, folder / "other", seed=2, hash_seed=1),
    }


@pytest.mark.parametrize("name", COMPARED)
def test_one_seed_gives_the_same_bytes(runs: dict[str, _Run], name: str) -> None:
    assert runs["first"].file(name) == runs["again"].file(name)


def test_one_seed_gives_the_same_summary(runs: dict[str, _Run]) -> None:
    first, again = (runs[name].summary["deterministic"] for name in ("first", "again"))
    assert json.dumps(first) == json.dumps(again)
    assert runs["first"].summary["is_reproducible"] is True
    assert set(first["digests"]) == {
        "images",
        "configs",
        "drives",
        "logs",
        "capture",
        "trace",
    }


def test_another_seed_gives_other_session_keys_on_the_wire(runs: dict[str, _Run]) -> None:
    assert runs["first"].ephemeral_key() == runs["again"].ephemeral_key()
    assert runs["first"].ephemeral_key() != runs["other"].ephemeral_key()
    digests = [runs[name].summary["deterministic"]["digests"] for name in ("first", "other")]
    assert digests[0]["capture"] != digests[1]["capture"]


def test_nodes_boot_one_image_and_differ_in_configuration_only(runs: dict[str, _Run]) -> None:
    digests = runs["first"].summary["deterministic"]["digests"]
    assert set(digests["images"]) == {"system"}
    assert digests["configs"]["A"] != digests["configs"]["B"]


def test_remote_calls_survive_a_bad_network_and_replay_from_the_seed(tmp_path: Path) -> None:
    world = _write_world(tmp_path / "world", FAULTS)
    first = _run(world, tmp_path / "first", seed=3, hash_seed=1)
    again = _run(world, tmp_path / "again", seed=3, hash_seed=2)
    faults = first.summary["deterministic"]["faults"]
    assert faults.get("loss", 0) > 0, "a bad network that loses nothing proves nothing"
    assert faults.get("corrupt", 0) + faults.get("duplicate", 0) > 0
    assert first.file("capture.pcapng") == again.file("capture.pcapng")
    assert first.summary["deterministic"] == again.summary["deterministic"]
