"""The QEMU engine against a stand-in for QEMU: real processes, cables, consoles and endings.

The stand-in is a script that takes QEMU's command line, finds its cable in it, and plays one of a
few parts.  The real QEMU runs in `./pants run ci:os2vm -- --engine qemu`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nexus.core.randomness import Ratio
from nexus.harness import plan_support, qemu
from nexus.harness.engine import EngineUnavailableError, HostFaultError
from nexus.harness.outcome import Outcome
from nexus.harness.phase import Phase
from nexus.harness.plan import Expectation, Plan, PlanError
from nexus.harness.plan_support import Silent
from nexus.harness.runner import Record, Runner
from nexus.harness.summary import digest
from nexus.scene.guest import DrivePlan
from nexus.simulation.link import LinkOptions

STAND_IN = """\
#!{python} -I
import pathlib, re, signal, socket, sys, time
line = " ".join(sys.argv[1:])
if "--version" in line:
    print("QEMU emulator version {version}")
    sys.exit(0)
cable = socket.socket(fileno=int(re.search(r"addr.str=(\\d+)", line).group(1)))
address = bytes.fromhex(re.search(r"mac=([0-9a-f:]+)", line).group(1).replace(":", ""))
disks = [pathlib.Path(path).read_bytes() for path in re.findall(r"file=(\\S+\\.drive\\d)", line)]
kernel = pathlib.Path(re.search(r"-kernel (\\S+)", line).group(1)).read_bytes()
say = lambda text: print(text, flush=True)
def send(payload):
    frame = b"\\xff" * 6 + address + b"\\x88\\xb5" + payload
    cable.sendall(len(frame).to_bytes(4, "big") + frame)
def receive():
    length = int.from_bytes(cable.recv(4, socket.MSG_WAITALL), "big")
    return cable.recv(length, socket.MSG_WAITALL)[14:]
part = "{part}"
say("init: ready " + kernel.decode())
if part == "talk":
    if address[-1] == 1:
        send(b"ping")
        say("heard " + receive().decode())
    else:
        payload = receive()
        say("heard " + payload.decode())
        send(b"pong")
    signal.pause()
elif part == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    say("stubborn")
    while True:
        signal.pause()
elif part == "disks":
    say(repr(disks))
    signal.pause()
elif part == "complain":
    print("qemu: no such device", file=sys.stderr)
    sys.exit(1)
elif part == "killed":
    signal.raise_signal(signal.SIGKILL)
else:
    sys.exit(int(part))
"""


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    yield folder
    assert list(tmp_path.glob("os2vm-*")) == [], "the private directory is still there"


def _install(folder: Path, part: str, version: str = "9.1.0") -> None:
    script = folder / "qemu-system-riscv64"
    text = STAND_IN.replace("{python}", sys.executable)
    script.write_text(text.replace("{part}", part).replace("{version}", version))
    script.chmod(0o755)


def _expect(machine: str, text: str) -> Expectation:
    return Expectation(machine, Phase.LAUNCH, text)


def _play(plan: Plan) -> Record:
    engine = qemu.boot(plan)
    try:
        return Runner(plan, Silent(), lambda: None, lambda: 0.0).run(engine)
    finally:
        engine.close()
        engine.close()


def test_two_processes_talk_over_the_switch(bin_folder: Path) -> None:
    _install(bin_folder, "talk")
    expected = [
        _expect("A", "init: ready image of A"),
        _expect("B", "init: ready image of B"),
        _expect("B", "heard ping"),
        _expect("A", "heard pong"),
    ]
    plan = plan_support.plan(expected).with_budgets_times(10)
    record = _play(plan)
    assert record.verdict.outcome is Outcome.PASSED
    assert record.capture.frames == {"A": 1, "B": 1}
    assert digest(bytes(record.consoles["B"])) == digest(b"init: ready image of B\nheard ping\n")


def test_drives_are_files_of_the_run(bin_folder: Path) -> None:
    _install(bin_folder, "disks")
    plan = plan_support.plan([_expect("A", "[b'state', b'packages']")], "A").with_budgets_times(10)
    drives = (DrivePlan(2, b"state", False), DrivePlan(3, b"packages", True))
    machine = replace(plan.machines[0], drives=drives)
    assert _play(replace(plan, machines=(machine,))).verdict.outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("part", "outcome"),
    [("0", Outcome.MISSING_LAUNCH), ("1", Outcome.GUEST_PANIC), ("3", Outcome.GUEST_PANIC)],
)
def test_guest_that_switches_off(bin_folder: Path, part: str, outcome: Outcome) -> None:
    _install(bin_folder, part)
    record = _play(plan_support.plan([_expect("A", "never")], "A").with_budgets_times(10))
    assert record.verdict.outcome is outcome
    assert bytes(record.consoles["A"]) == b"init: ready image of A\n"


@pytest.mark.parametrize(
    ("part", "text"),
    [("complain", "QEMU says: qemu: no such device"), ("killed", "QEMU was ended by SIGKILL")],
)
def test_qemu_that_fails_is_a_host_fault(bin_folder: Path, part: str, text: str) -> None:
    _install(bin_folder, part)
    with pytest.raises(HostFaultError, match=text):
        _play(plan_support.plan([_expect("A", "never")], "A").with_budgets_times(10))


def test_process_that_will_not_stop_is_killed(
    bin_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qemu, "_STOP_SECONDS", 0.05)
    _install(bin_folder, "stubborn")
    plan = plan_support.plan([_expect("A", "stubborn")], "A").with_budgets_times(10)
    engine = qemu.boot(plan)
    record = Runner(plan, Silent(), lambda: None, lambda: 0.0).run(engine)
    assert record.verdict.outcome is Outcome.PASSED
    process = engine._guests[0].process
    engine.close()
    assert engine.states() == {}, "a closed engine has no machines"
    assert process.returncode == -signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_missing_qemu_is_said_in_one_line(bin_folder: Path) -> None:
    with pytest.raises(EngineUnavailableError) as caught:
        qemu.boot(plan_support.plan())
    assert "qemu-system-riscv64 is not on PATH" in str(caught.value)
    assert "qemu-system-misc" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_old_qemu_is_refused_before_anything_starts(bin_folder: Path) -> None:
    _install(bin_folder, "talk", version="6.2.0")
    with pytest.raises(EngineUnavailableError, match=r"6\.2\.0; it must be 7\.2"):
        qemu.boot(plan_support.plan())


def test_qemu_that_does_not_start_is_unavailable(bin_folder: Path) -> None:
    (bin_folder / "qemu-system-riscv64").write_bytes(b"\x7fELF, but not really")
    (bin_folder / "qemu-system-riscv64").chmod(0o755)
    with pytest.raises(EngineUnavailableError, match="does not start"):
        qemu.boot(plan_support.plan())


def test_network_faults_are_refused_rather_than_ignored(bin_folder: Path) -> None:
    _install(bin_folder, "talk")
    plan = plan_support.plan(link=LinkOptions(loss=Ratio(1, 2)))
    with pytest.raises(PlanError, match="link: jitter, loss"):
        qemu.boot(plan)
