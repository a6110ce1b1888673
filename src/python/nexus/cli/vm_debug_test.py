"""`--trace` and `--gdb` of `nexus vm run`, from outside, with a client of a few packets."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

import pytest

from nexus.cli.vm_debug_support import ENDLESS, Debugged, connect
from nexus.cli.vm_support import TIMEOUT_S, run_vm, saying, write_guest
from nexus.emulator.gdb_packet import Deframer, Packet, encode
from nexus.emulator.isa.assemble import assemble_with_symbols
from nexus.emulator.program_support import EXIT


def test_a_trace_of_instructions_is_lines_on_the_error_stream(tmp_path: Path) -> None:
    guest = write_guest(tmp_path, "addi a0, zero, 9\n" + EXIT)
    done = run_vm("--kernel", guest, "--trace", "instructions")
    lines = done.stderr.splitlines()
    assert done.returncode == 9
    assert lines[0] == "0 M 0000000080000000: 00900513  addi a0, zero, 9"
    assert lines[-1].endswith("sw t5, 0(t6)")


def test_a_trace_of_traps_can_go_to_a_file(tmp_path: Path) -> None:
    source = f"la t0, end\n csrw mtvec, t0\n ecall\n .align 4\nend: li a0, 0\n{EXIT}"
    path = tmp_path / "traps.txt"
    done = run_vm(
        "--kernel", write_guest(tmp_path, source), "--trace", "traps", "--trace-out", path
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert path.read_text() == "3 M 000000008000000c trap 11 ecall from machine, value 0x0\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--trace", "trap"), "did you mean 'traps'"),
        (("--trace-out", "x"), "goes with --trace"),
        (("--trace", "traps", "--gdb", "0"), "does not go with --gdb"),
        (("--gdb", "0", "--engine", "native"), "name it with --native-blob"),
        (("--gdb", "70000"), "not a port"),
        (("--gdb", "no/such/folder/socket"), "--gdb: no/such/folder/socket"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    done = run_vm("--kernel", write_guest(tmp_path, "nop"), *arguments)
    assert done.returncode == 20
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("steps", ["1", "20", "33"])
def test_a_run_can_be_saved_and_gone_on_with(tmp_path: Path, steps: str) -> None:
    guest = write_guest(tmp_path, saying("hello\n", 4))
    saved = tmp_path / "saved"
    first = run_vm("--kernel", guest, "--max-instructions", steps, "--snapshot-out", saved)
    assert first.returncode == 15
    rest = run_vm("--kernel", guest, "--snapshot", saved)
    assert (first.stdout + rest.stdout, rest.returncode) == ("hello\n", 4)


def test_a_bad_snapshot_is_one_line(tmp_path: Path) -> None:
    guest = write_guest(tmp_path, "nop")
    done = run_vm("--kernel", guest, "--snapshot", guest)
    assert done.returncode == 20
    assert f"--snapshot: {guest}: snapshot: magic" in done.stderr
    assert done.stderr.count("\n") == 1


def ask(connection: socket.socket, command: bytes) -> bytes:
    connection.sendall(encode(command))
    deframer = Deframer()
    while True:
        for event in deframer.feed(connection.recv(4096)):
            if isinstance(event, Packet):
                with contextlib.suppress(BrokenPipeError):  # The run may have ended with this.
                    connection.sendall(b"+")
                return event.data


def test_a_client_on_a_unix_socket_runs_the_guest_to_its_end(tmp_path: Path) -> None:
    where = str(tmp_path / "gdb")
    debugged = Debugged(write_guest(tmp_path, saying("seen\n", 6)), where)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(TIMEOUT_S)
        connection.connect(where)
        assert ask(connection, b"?") == b"S05"
        assert ask(connection, b"c") == b"W06"
    assert debugged.end() == (6, "seen\n")


@pytest.mark.parametrize(("last", "exit_code"), [(b"D", 6), (b"vKill;1", 130)])
def test_when_the_debugger_leaves_the_guest_goes_on_unless_it_was_killed(
    tmp_path: Path, last: bytes, exit_code: int
) -> None:
    debugged = Debugged(write_guest(tmp_path, saying("seen\n", 6)), "0")
    host, port = debugged.address.split(":")
    assert host == "127.0.0.1"
    with socket.create_connection((host, int(port)), TIMEOUT_S) as connection:
        assert ask(connection, b"vCont;s") == b"S05"
        assert ask(connection, last) == b"OK"
    assert debugged.end() == (exit_code, "seen\n" if exit_code == 6 else "")


@pytest.mark.parametrize("leave", [[b"D"], [b"D;1"], []], ids=["detach", "detach-one", "lost"])
@pytest.mark.parametrize("place", ["0", "socket"])
def test_a_debugger_can_come_back_however_the_last_one_left(
    tmp_path: Path, place: str, leave: list[bytes]
) -> None:
    """The guest has gone on meanwhile, and no breakpoint of the first is left."""
    where = place if place == "0" else str(tmp_path / "gdb")
    debugged = Debugged(write_guest(tmp_path, ENDLESS), where)
    again = assemble_with_symbols(ENDLESS)[1]["again"]
    counted = []
    for _ in range(3):
        with connect(debugged.address) as connection:
            assert ask(connection, b"?") == b"S05"
            ask(connection, b"vCont;s")
            counted.append(int.from_bytes(bytes.fromhex(ask(connection, b"p8").decode()), "little"))
            assert ask(connection, b"Z0,%x,4" % again) == b"OK"
            assert ask(connection, b"vCont;c") == b"S05"
            assert all(ask(connection, word) == b"OK" for word in leave)
    assert counted == sorted(set(counted)), "it has gone on in between"
    with connect(debugged.address) as connection:
        assert ask(connection, b"vKill;1") == b"OK"
    assert debugged.end()[0] == 130


def test_a_client_that_is_lost_while_the_guest_runs_can_come_back(tmp_path: Path) -> None:
    debugged = Debugged(write_guest(tmp_path, ENDLESS), "0")
    with connect(debugged.address) as connection:
        ask(connection, b"?")
        connection.sendall(encode(b"c"))
    with connect(debugged.address) as connection:
        assert ask(connection, b"?") == b"S05"
        # The past of the first debugger is not the second one's.
        assert b"replaylog:begin" in ask(connection, b"bs")
        assert ask(connection, b"vKill;1") == b"OK"
    assert debugged.end()[0] == 130
