"""A disk in use belongs to one writer; a QEMU of ours ends with us, and what it fails is ours."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nexus.cli.vm_support import TIMEOUT_S, environment, run_vm, saying, vm_command, write_guest
from nexus.emulator.io.drive import DriveError, FileDrive
from nexus.entry.signals_support import usual_signals
from nexus.remotefs.state import tool

QEMU = shutil.which("qemu-system-riscv64")
needs_qemu = pytest.mark.skipif(QEMU is None, reason="qemu-system-riscv64 is not on this host")

# Says that it runs, and goes on for ever.
SPIN = saying("up\n", 0).replace("call print", "call print\nforever: j forever", 1)

READY = b"up\n"


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    path = tmp_path / "state.img"
    path.write_bytes(bytes(64 << 10))
    return path


@contextmanager
def running(
    *arguments: str | Path, on_hangup: signal.Handlers = signal.SIG_DFL
) -> Iterator[subprocess.Popen[bytes]]:
    """A machine that has begun to run, whichever signals these tests themselves ignore."""
    with usual_signals():
        started = subprocess.Popen(
            vm_command(*arguments),
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, on_hangup),
        )
    with started as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == READY
            yield process
        finally:
            process.kill()


ENGINES = ["reference", pytest.param("qemu", marks=needs_qemu)]


@pytest.mark.parametrize("first", ENGINES)
@pytest.mark.parametrize("second", ENGINES)
def test_a_second_machine_is_refused(tmp_path: Path, disk: Path, first: str, second: str) -> None:
    guest = write_guest(tmp_path, SPIN)
    with running("--kernel", guest, "--drive", disk, "--engine", first):
        done = run_vm("--kernel", guest, "--drive", disk, "--engine", second, "--until", "up")
        assert done.returncode == 20
        assert f"--drive: {disk}: in use by" in done.stderr
        assert done.stderr.count("\n") == 1
        readonly = run_vm("--kernel", guest, "--drive", f"{disk},readonly", "--engine", second)
        assert readonly.returncode == 20


@pytest.mark.parametrize("first", ENGINES)
@pytest.mark.parametrize("action", [(), ("--repair",)])
def test_a_disk_in_use_is_not_checked(
    tmp_path: Path, disk: Path, first: str, action: tuple[str, ...]
) -> None:
    guest = write_guest(tmp_path, SPIN)
    with running("--kernel", guest, "--drive", disk, "--engine", first):
        assert tool.main(["fsck", *action, str(disk)]) == 2
    assert tool.main(["fsck", *action, str(disk)]) in (0, 1)


@pytest.mark.parametrize("engine", ENGINES)
def test_readers_share(tmp_path: Path, disk: Path, engine: str) -> None:
    guest = write_guest(tmp_path, SPIN)
    shared = f"{disk},readonly"
    with running("--kernel", guest, "--drive", shared, "--engine", engine):
        done = run_vm(
            "--kernel",
            guest,
            "--drive",
            shared,
            "--drive",
            shared,
            "--engine",
            engine,
            "--until",
            "up",
        )
        assert done.returncode == 0
        assert run_vm("--kernel", guest, "--drive", disk, "--engine", engine).returncode == 20


def test_one_disk_twice_in_one_machine_is_refused(tmp_path: Path, disk: Path) -> None:
    link = tmp_path / "other.img"
    link.symlink_to(disk)
    guest = write_guest(tmp_path, saying("x", 0))
    assert run_vm("--kernel", guest, "--drive", disk, "--drive", link).returncode == 20
    assert run_vm("--kernel", guest, "--drive", disk).returncode == 0


@pytest.mark.parametrize("is_read_only", [False, True])
def test_a_pipe_is_not_a_disk_and_is_not_waited_for(tmp_path: Path, *, is_read_only: bool) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DriveError, match="is not a disk image; expected a regular file"):
        FileDrive(tmp_path / "pipe", is_read_only=is_read_only)


def test_a_disk_is_free_after_its_machine_and_after_a_refusal(tmp_path: Path, disk: Path) -> None:
    drive = FileDrive(disk, is_read_only=False)
    drive.write(512, b"x" * 512)
    with pytest.raises(DriveError, match="in use by another machine or tool"):
        FileDrive(disk, is_read_only=True)
    drive.close()
    assert disk.read_bytes()[512:1024] == b"x" * 512
    (tmp_path / "odd.img").write_bytes(bytes(100))
    with pytest.raises(DriveError, match="100 bytes"):
        FileDrive(tmp_path / "odd.img", is_read_only=False)
    FileDrive(disk, is_read_only=False).close()


def qemu_by_hand(disk: Path, *more: str) -> list[str]:
    """A QEMU that knows nothing of our locks; -S: it does not run its guest."""
    return [
        str(QEMU),
        "-M",
        "virt",
        "-bios",
        "none",
        "-S",
        "-nodefaults",
        "-display",
        "none",
        "-monitor",
        "stdio",
        "-drive",
        f"if=none,id=d,format=raw,file={disk}",
        "-device",
        "virtio-blk-device,drive=d",
        *more,
    ]


@needs_qemu
def test_a_qemu_started_by_hand_is_noticed(disk: Path) -> None:
    words = qemu_by_hand(disk)
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as qemu:
        try:
            assert qemu.stdout is not None
            assert qemu.stdin is not None
            qemu.stdin.write(b"info status\n")
            qemu.stdin.flush()
            # Its monitor answers once the board is made, and its disks are open.
            assert any(b"VM status" in line for line in qemu.stdout)
            for is_read_only in (False, True):
                with pytest.raises(DriveError, match="in use by"):
                    FileDrive(disk, is_read_only=is_read_only)
        finally:
            qemu.kill()
    FileDrive(disk, is_read_only=False).close()


@needs_qemu
def test_a_qemu_started_by_hand_notices_us(disk: Path) -> None:
    drive = FileDrive(disk, is_read_only=False)
    done = subprocess.run(
        qemu_by_hand(disk), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )
    drive.close()
    assert done.returncode == 1
    assert "lock" in done.stderr


def children_of(process: int) -> list[int]:
    text = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(word) for word in text.split()]


def wait_until_gone(processes: list[int]) -> None:
    """Processes end within a bound; asked for, since they are not children of ours."""
    end = time.monotonic() + 20
    while any(Path(f"/proc/{number}").exists() for number in processes):
        assert time.monotonic() < end, f"{processes} still run"
        os.sched_yield()


@needs_qemu
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL, signal.SIGINT])
def test_qemu_ends_with_us(tmp_path: Path, number: signal.Signals) -> None:
    guest = write_guest(tmp_path, SPIN)
    with running("--kernel", guest, "--engine", "qemu") as process:
        children = children_of(process.pid)
        assert children
        process.send_signal(number)
        code = process.wait(TIMEOUT_S)
        assert code == (130 if number is signal.SIGINT else -number)
        wait_until_gone(children)


@needs_qemu
def test_under_nohup_a_hangup_ends_nothing(tmp_path: Path) -> None:
    guest = write_guest(tmp_path, SPIN)
    engine = ("--engine", "qemu")
    with running("--kernel", guest, *engine, on_hangup=signal.SIG_IGN) as process:
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT_S) == -signal.SIGTERM


@needs_qemu
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--gdb", "1/no/such/socket"), "QEMU did not run: "),
    ],
)
def test_a_qemu_that_cannot_start_is_a_fault_of_the_host(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    guest = write_guest(tmp_path, saying("hello", 1))
    done = run_vm("--kernel", guest, "--engine", "qemu", *arguments)
    assert (done.returncode, done.stdout) == (21, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


@needs_qemu
def test_a_guest_that_ends_with_one_is_no_fault_of_the_host(tmp_path: Path) -> None:
    guest = write_guest(tmp_path, saying("hello", 1))
    assert run_vm("--kernel", guest, "--engine", "qemu").returncode == 1


def test_a_program_that_is_no_qemu_is_said_to_be_that(tmp_path: Path) -> None:
    fake = tmp_path / "qemu-system-riscv64"
    fake.write_text("#!/no/such/interpreter\n")
    fake.chmod(0o755)
    done = subprocess.run(
        [*vm_command("--kernel", write_guest(tmp_path, SPIN)), "--engine", "qemu"],
        env=environment() | {"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 22
    assert "does not start" in done.stderr
