"""The independent judge: one real QEMU process a machine, joined by a switch in this process.

Same images, same configuration, same expectations and artifacts as the virtual engine; only time
is the host's.  Instants are nanoseconds since the processes were started, and budgets are those
of virtual time multiplied, because a host may be slow.

Every process is in a private session and dies with this one: on close, on a signal (the runner
closes), and by the kernel's hand (`PR_SET_PDEATHSIG`) should this process be killed.
"""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from nexus.emulator import payload
from nexus.harness import qemu_command
from nexus.harness.child import STOP_SECONDS, die_with_parent, stop
from nexus.harness.engine import EngineUnavailableError, HostFaultError
from nexus.harness.plan import MachinePlan, Plan, PlanError
from nexus.harness.socket_switch import SocketSwitch
from nexus.simulation.machine import STOP_FINISHED
from nexus.simulation.trace import Trace, fingerprint
from nexus.simulation.world import SentFrame, Step, Stopped

_POLL_S: Final = 0.05
_NS_PER_S: Final = 1_000_000_000
_READ_BYTES: Final = 1 << 16

_STOP_SECONDS: Final = STOP_SECONDS
_VERSION_SECONDS: Final = 10


@dataclass(slots=True)
class _Guest:
    label: str
    process: subprocess.Popen[bytes]
    console: IO[bytes]
    errors: Path
    is_over: bool = False


class QemuEngine:
    """Running QEMU processes as an engine."""

    is_reproducible = False
    is_interactive = False
    instruments = None

    def __init__(self, description: str, directory: Path) -> None:
        """Prepare without machines; `start()` adds them."""
        self.description = description
        self._directory = directory
        self._guests: list[_Guest] = []
        self._switch: SocketSwitch | None = None
        self._selector = selectors.DefaultSelector()
        self._trace = Trace()
        self._began_ns = 0

    def start(self, program: str, version: str, plan: Plan) -> None:
        """Write the files QEMU reads and start all processes."""
        self._switch = SocketSwitch(len(plan.machines))
        self._began_ns = time.monotonic_ns()
        for port, machine in enumerate(plan.machines):
            kernel = self._directory / f"{machine.label}.elf"
            config = self._directory / f"{machine.label}.node"
            kernel.write_bytes(payload.unpack(machine.image, "kernel"))
            config.write_bytes(machine.config)
            drives = self._write_drives(machine)
            loaded = self._write_loaded(machine)
            plug = self._switch.take_plug(port)
            try:
                command = qemu_command.build(
                    program, version, machine, kernel, config, plug.fileno(), drives, loaded
                )
            except qemu_command.LackingError as exc:
                raise PlanError(f"machine {machine.label}: boot.cpu: {exc}") from exc
            self._guests.append(self._spawn(machine.label, command, plug))
            plug.close()
        for cable, port in self._switch.cables().items():
            self._selector.register(cable, selectors.EVENT_READ, ("cable", port))
        for index, guest in enumerate(self._guests):
            self._selector.register(guest.console, selectors.EVENT_READ, ("console", index))

    def step(self, limit_ns: int) -> Step:
        """Wait a moment for the processes and take what they did."""
        assert self._switch is not None, "start() comes first"
        consoles: list[tuple[str, bytes]] = []
        frames: list[SentFrame] = []
        stopped: list[Stopped] = []
        is_quiet = all(guest.is_over for guest in self._guests)
        left_s = max(0.0, (limit_ns - self._now_ns()) / _NS_PER_S)
        for key, _ in self._selector.select(min(_POLL_S, left_s)):
            kind, index = key.data
            if kind == "cable":
                frames += self._receive(self._switch, index)
            elif (data := os.read(key.fd, _READ_BYTES)) != b"":
                consoles.append((self._guests[index].label, data))
                self._trace.add(
                    self._now_ns(), self._guests[index].label, "console", str(len(data))
                )
            else:  # The console closes when the process ends; nothing is lost before it.
                self._selector.unregister(key.fileobj)
                stopped.append(self._reap(self._guests[index]))
        self._switch.flush()
        self._drop_closed_cables(self._switch)
        return Step(self._now_ns(), tuple(consoles), tuple(frames), tuple(stopped), is_quiet)

    def states(self) -> dict[str, str]:
        """Whether each process still runs; what its guest does cannot be seen from here."""
        return {guest.label: "off" if guest.is_over else "runs" for guest in self._guests}

    def why_stuck(self, machine: str) -> str:
        """Nothing: a loop of traps is not noticed here."""
        raise AssertionError(f"{machine}: QEMU does not say that a guest is stuck")

    def post_mortem(self) -> dict[str, list[str]]:
        """Nothing: the machines are other processes."""
        return {}

    def instructions(self) -> dict[str, int]:
        """Nothing: QEMU does not count them."""
        return {}

    def fault_counts(self) -> dict[str, int]:
        """Frames that no machine took off the cable, if there were any."""
        lost = self._switch.frames_lost if self._switch else 0
        return {"overflow": lost} if lost else {}

    def trace_text(self) -> str:
        """The newest trace lines."""
        return self._trace.text()

    def trace_digest(self) -> str:
        """SHA-256 over all trace lines."""
        return self._trace.digest()

    def ephemerals(self) -> dict[str, list[bytes]]:
        """Nothing: QEMU takes entropy from the host."""
        return {}

    def close(self) -> None:
        """End every process, wait for it, and remove the private directory."""
        for guest in self._guests:
            guest.process.terminate()
        for guest in self._guests:
            stop(guest.process, _STOP_SECONDS)
            guest.console.close()
        self._guests.clear()
        self._selector.close()
        if self._switch is not None:
            self._switch.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _write_loaded(self, machine: MachinePlan) -> dict[str, Path]:
        """Write what is loaded beside the kernel into files, by QEMU's option."""
        paths = {}
        contents = {"bios": machine.boot.firmware, "initrd": machine.boot.initrd}
        for option, content in contents.items():
            if content:
                paths[option] = self._directory / f"{machine.label}.{option}"
                paths[option].write_bytes(content)
        return paths

    def _write_drives(self, machine: MachinePlan) -> dict[int, Path]:
        """Copies, so that what the guest writes is gone with the run."""
        paths = {}
        for drive in machine.drives:
            paths[drive.slot] = self._directory / f"{machine.label}.drive{drive.slot}"
            paths[drive.slot].write_bytes(drive.content)
        return paths

    def _spawn(self, label: str, command: list[str], plug: socket.socket) -> _Guest:
        errors = self._directory / f"{label}.stderr"
        with errors.open("wb") as error_file:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=error_file,
                pass_fds=(plug.fileno(),),
                start_new_session=True,  # Ctrl-C reaches us; we end the guests after their logs.
                preexec_fn=die_with_parent,
            )
        assert process.stdout is not None, "asked for a pipe"
        return _Guest(label, process, process.stdout, errors)

    def _receive(self, switch: SocketSwitch, port: int) -> list[SentFrame]:
        label, now_ns = self._guests[port].label, self._now_ns()
        frames = []
        for frame in switch.receive(port):
            frames.append(SentFrame(label, now_ns, frame))
            self._trace.add(now_ns, label, "send", fingerprint(frame))
        return frames

    def _drop_closed_cables(self, switch: SocketSwitch) -> None:
        is_open = switch.cables()
        for key in list(self._selector.get_map().values()):
            if key.data[0] == "cable" and key.fileobj not in is_open:
                self._selector.unregister(key.fileobj)

    def _reap(self, guest: _Guest) -> Stopped:
        guest.is_over = True
        try:
            code = guest.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise HostFaultError(
                f"machine {guest.label}: QEMU closed its console and hangs"
            ) from None
        complaint = guest.errors.read_text("utf-8", "replace").strip().splitlines()
        if code < 0:
            name = signal.Signals(-code).name
            raise HostFaultError(f"machine {guest.label}: QEMU was ended by {name}")
        if code != 0 and complaint:
            raise HostFaultError(f"machine {guest.label}: QEMU says: {complaint[-1]}")
        self._trace.add(self._now_ns(), guest.label, "stop", f"finished {code}")
        return Stopped(guest.label, self._now_ns(), STOP_FINISHED, code)

    def _now_ns(self) -> int:
        return time.monotonic_ns() - self._began_ns


def find() -> tuple[str, str]:
    """Find a QEMU that will do: its path and version.

    Raises:
        EngineUnavailableError: there is none.
    """
    program = shutil.which(qemu_command.PROGRAM)
    if program is None:
        raise EngineUnavailableError(f"engine 'qemu': {qemu_command.MISSING}")
    try:
        answer = subprocess.run(
            [program, "--version"], capture_output=True, timeout=_VERSION_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise EngineUnavailableError(f"engine 'qemu': {program} does not start: {exc}") from exc
    return program, qemu_command.check_version(answer.stdout.decode("utf-8", "replace"))


def boot(plan: Plan) -> QemuEngine:
    """Start one QEMU a machine.

    Raises:
        PlanError: the plan asks for what QEMU cannot do.
        EngineUnavailableError: no QEMU that will do.
        HostFaultError: it could not be started.
    """
    if plan.paths or not plan.link.is_faultless:
        raise PlanError(
            f"{plan.name}: link: jitter, loss, duplicate, corrupt and cut exist only on the "
            "emulator's network; run this world with --engine reference"
        )
    if plan.reboots:
        raise PlanError(
            f"{plan.name}: reboot: the power of a machine is cut only on the emulator; run this "
            "world with --engine reference"
        )
    program, version = find()
    try:
        engine = QemuEngine(f"QEMU {version}", Path(tempfile.mkdtemp(prefix="os2vm-")))
    except OSError as exc:
        raise HostFaultError(f"engine 'qemu': no temporary directory: {exc.strerror}") from exc
    try:
        engine.start(program, version, plan)
    except BaseException as exc:
        engine.close()
        if isinstance(exc, OSError):
            raise HostFaultError(f"engine 'qemu': {program} does not start: {exc}") from exc
        raise
    return engine
