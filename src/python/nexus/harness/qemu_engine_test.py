"""The QEMU engine step by step, on scripted processes: what it tells, writes and ends."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any  # Any: stand-ins.

import pytest

from nexus.harness import plan_support, qemu
from nexus.harness.engine import EngineUnavailableError, HostFaultError
from nexus.harness.plan import Plan, PlanError, RebootPlan
from nexus.harness.qemu import QemuEngine
from nexus.scene.guest import DrivePlan
from nexus.simulation.link import LinkOptions
from nexus.simulation.trace import fingerprint
from nexus.simulation.world import Step

FRAME = b"\xff" * 6 + b"\x52\x54\0\0\0\1" + b"\x88\xb5" + b"payload"


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The program of each machine, in Python, by its label; its cable is the name `cable`."""
    scripts: dict[str, str] = {}

    def build(*given: Any) -> list[str]:
        _, _, machine, kernel, config, cable, drives, loaded = given
        begin = f"import os, signal, socket, sys; cable = socket.socket(fileno={cable})\n"
        files = f"kernel, config = {str(kernel)!r}, {str(config)!r}\n"
        more = f"drives, loaded = {drives!r}, {loaded!r}\n".replace("PosixPath", "str")
        begin += files + more + "say = lambda text: print(text, flush=True)\n"
        return [sys.executable, "-I", "-c", begin + scripts[machine.label]]

    monkeypatch.setattr("nexus.harness.qemu_command.build", build)
    return scripts


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[QemuEngine]:
    (tmp_path / "private").mkdir()
    engine = QemuEngine("QEMU 9", tmp_path / "private")
    yield engine
    engine.close()
    assert not (tmp_path / "private").exists()


def plan(labels: str = "A") -> Plan:
    return plan_support.plan(plan_support.LADDER[:1], labels)


def until(engine: QemuEngine, limit_s: float = 20.0) -> Iterator[Step]:
    """Step by step, up to when nothing can happen any more."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        step = engine.step(10**12)
        yield step
        if step.is_quiet:
            return
    raise AssertionError("it did not end")


def test_what_machines_print_send_and_end_with_is_told_and_traced(
    scripts: dict[str, str], engine: QemuEngine
) -> None:
    message = len(FRAME).to_bytes(4, "big") + FRAME
    scripts["A"] = f"cable.sendall({message!r}); say('a'); sys.exit(3)"
    scripts["B"] = f"heard = cable.recv({len(message)}, socket.MSG_WAITALL); say(heard.hex())"
    engine.start("qemu", "9", plan("AB"))
    assert engine.states() == {"A": "runs", "B": "runs"}
    steps = list(until(engine))
    said: dict[str, bytes] = {}
    for label, data in (each for step in steps for each in step.consoles):
        said[label] = said.get(label, b"") + data
    assert said == {"A": b"a\n", "B": message.hex().encode() + b"\n"}
    frames = [each for step in steps for each in step.frames]
    assert [(frame.machine, frame.frame) for frame in frames] == [("A", FRAME)]
    stopped = sorted((each for step in steps for each in step.stopped), key=lambda s: s.machine)
    assert [(each.machine, each.kind, each.exit_code) for each in stopped] == [
        ("A", "FINISHED", 3),
        ("B", "FINISHED", 0),
    ]
    assert engine.states() == {"A": "off", "B": "off"}
    traced = sorted(" ".join(line.split()[1:]) for line in engine.trace_text().splitlines())
    assert traced == [
        "A console 2",
        f"A send {fingerprint(FRAME)}",
        "A stop finished 3",
        f"B console {2 * len(message) + 1}",
        "B stop finished 0",
    ]
    assert len(engine.trace_digest()) == 64
    assert engine.fault_counts() == {}


def test_time_goes_on_from_the_start_and_a_step_does_not_wait_beyond_its_limit(
    scripts: dict[str, str], engine: QemuEngine
) -> None:
    scripts["A"] = "signal.pause()"
    began_ns = time.monotonic_ns()
    engine.start("qemu", "9", plan())
    first = engine.step(0)
    second = engine.step(10**12)
    assert 0 < first.now_ns < second.now_ns <= time.monotonic_ns() - began_ns
    assert (first.consoles, first.frames, first.stopped, first.is_quiet) == ((), (), (), False)
    assert second.now_ns - first.now_ns >= 50_000_000, "it waits a moment for the processes"


def test_what_a_qemu_cannot_say_is_nothing(engine: QemuEngine) -> None:
    assert (engine.post_mortem(), engine.instructions()) == ({}, {})
    assert (engine.fault_counts(), engine.ephemerals(), engine.states()) == ({}, {}, {})
    assert (engine.is_reproducible, engine.is_interactive) == (False, False)
    assert (engine.instruments, engine.description) == (None, "QEMU 9")
    assert engine.trace_text() == ""
    with pytest.raises(AssertionError, match=r"^A: QEMU does not say that a guest is stuck$"):
        engine.why_stuck("A")


def test_frames_that_no_machine_takes_are_counted(
    scripts: dict[str, str], engine: QemuEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nexus.harness.socket_switch.PENDING_BYTES_MAX", len(FRAME) - 1)
    message = len(FRAME).to_bytes(4, "big") + FRAME
    scripts["A"] = f"cable.sendall({2 * message!r}); signal.pause()"
    scripts["B"] = "signal.pause()"
    engine.start("qemu", "9", plan("AB"))
    found = next(step.frames for step in until(engine) if step.frames)
    assert len(found) == 2
    assert engine.fault_counts() == {"overflow": 2}


def test_a_machine_gets_the_files_of_its_plan(scripts: dict[str, str], engine: QemuEngine) -> None:
    scripts["A"] = (
        "paths = [kernel, config, *drives.values(), *loaded.values()]\n"
        "for path in paths: say(os.path.basename(path) + '=' + open(path).read())\n"
        "say(sorted(drives) + sorted(loaded))"
    )
    chosen = plan()
    (machine,) = chosen.machines
    boot = replace(machine.boot, firmware=b"fw", initrd=b"rd")
    drives = (DrivePlan(2, b"two", False), DrivePlan(5, b"five", True))
    machine = replace(machine, boot=boot, drives=drives)
    engine.start("qemu", "9", replace(chosen, machines=(machine,)))
    said = b"".join(data for step in until(engine) for _, data in step.consoles)
    assert said.decode().splitlines() == [
        "A.elf=image of A",
        "A.node=config of A",
        "A.drive2=two",
        "A.drive5=five",
        "A.bios=fw",
        "A.initrd=rd",
        "[2, 5, 'bios', 'initrd']",
    ]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("os.close(1); signal.pause()", "machine A: QEMU closed its console and hangs"),
        (
            "print('one\\n two ', file=sys.stderr); sys.exit(2)",
            "machine A: QEMU says:  two",
        ),
        (
            "print('one', file=sys.stderr, flush=True); os.kill(os.getpid(), 15)",
            "machine A: QEMU was ended by SIGTERM",
        ),
    ],
)
def test_a_qemu_that_fails_is_named_with_what_it_did(
    scripts: dict[str, str],
    engine: QemuEngine,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    said: str,
) -> None:
    monkeypatch.setattr(qemu, "_STOP_SECONDS", 0.3)
    scripts["A"] = script
    engine.start("qemu", "9", plan())
    with pytest.raises(HostFaultError) as caught:
        list(until(engine))
    assert str(caught.value) == said


def test_a_guest_that_switches_off_may_have_had_warnings(
    scripts: dict[str, str], engine: QemuEngine
) -> None:
    scripts["A"] = "print('qemu: warning', file=sys.stderr)"
    engine.start("qemu", "9", plan())
    stopped = [each.exit_code for step in until(engine) for each in step.stopped]
    assert stopped == [0]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"link": LinkOptions(jitter_ns=10)},
            "fake: link: jitter, loss, duplicate, corrupt and cut exist only on the emulator's"
            " network; run this world with --engine reference",
        ),
        (
            {"paths": {("A", "B"): LinkOptions()}},
            "fake: link: jitter, loss, duplicate, corrupt and cut exist only on the emulator's"
            " network; run this world with --engine reference",
        ),
        (
            {"reboots": (RebootPlan("A", 10, 20),)},
            "fake: reboot: the power of a machine is cut only on the emulator; run this world with"
            " --engine reference",
        ),
    ],
)
def test_a_plan_that_needs_the_emulator_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(PlanError) as caught:
        qemu.boot(plan_support.plan(**given))
    assert str(caught.value) == said


def test_a_host_on_which_nothing_can_be_written_or_started_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    closed: list[QemuEngine] = []
    close = QemuEngine.close

    def note(engine: QemuEngine) -> None:
        closed.append(engine)
        close(engine)

    def fail(*given: object, **more: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(qemu, "find", lambda: ("/bin/qemu", "9.0"))
    monkeypatch.setattr(QemuEngine, "close", note)
    monkeypatch.setattr("tempfile.mkdtemp", fail)
    with pytest.raises(HostFaultError) as caught:
        qemu.boot(plan())
    assert str(caught.value) == "engine 'qemu': no temporary directory: No space left on device"
    monkeypatch.setattr("tempfile.mkdtemp", lambda prefix: str(tmp_path / f"{prefix}x"))
    with pytest.raises(HostFaultError) as caught:
        qemu.boot(plan())
    assert str(caught.value).startswith("engine 'qemu': /bin/qemu does not start: [Errno 2] ")
    assert [engine.description for engine in closed] == ["QEMU 9.0"]


@pytest.mark.parametrize(
    "error", [subprocess.TimeoutExpired("qemu", 10), OSError(13, "Permission denied")]
)
def test_a_qemu_that_does_not_say_its_version_is_unavailable(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def run(*given: object, **more: object) -> None:
        raise error

    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    monkeypatch.setattr("subprocess.run", run)
    with pytest.raises(EngineUnavailableError) as caught:
        qemu.find()
    assert str(caught.value) == (f"engine 'qemu': /bin/qemu-system-riscv64 does not start: {error}")


def test_the_plugs_of_the_machines_are_closed_here(
    scripts: dict[str, str], engine: QemuEngine
) -> None:
    scripts["A"] = "signal.pause()"
    engine.start("qemu", "9", plan())
    switch = engine._switch
    assert switch is not None
    assert isinstance(switch.take_plug(0), socket.socket)
    assert switch.take_plug(0).fileno() == -1, "the machine alone holds its end"
