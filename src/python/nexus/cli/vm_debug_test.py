"""`--trace` and `--gdb` of `nexus vm run`, from outside; with the real GDB where there is one."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from nexus.cli.vm_support import (
    TIMEOUT_S,
    environment,
    run_vm,
    saying,
    vm_command,
    write_guest,
)
from nexus.emulator.gdb_packet import Deframer, Packet, encode
from nexus.emulator.isa.assemble import assemble_with_symbols
from nexus.emulator.program_support import EXIT

GDB = shutil.which("gdb-multiarch")


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


class Debugged:
    """A run that waits for a debugger."""

    def __init__(self, kernel: Path, where: str, *more: str) -> None:
        self.process = subprocess.Popen(
            vm_command("--kernel", kernel, "--gdb", where, *more),
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        assert "target remote " in line
        self.address = line.split()[-1]

    def end(self) -> tuple[int, str]:
        try:
            output, _ = self.process.communicate(timeout=TIMEOUT_S)
        finally:
            self.process.kill()
        return self.process.returncode, output


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


ENDLESS = """
again:
    addi s0, s0, 1
    j again
"""


@pytest.mark.parametrize("leave", [b"D", b"D;1", None], ids=["detach", "detach-one", "lost"])
@pytest.mark.parametrize("place", ["0", "socket"])
def test_a_debugger_can_come_back_however_the_last_one_left(
    tmp_path: Path, place: str, leave: bytes | None
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
            if leave is not None:
                assert ask(connection, leave) == b"OK"
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


def connect(address: str) -> socket.socket:
    """Connect as a debugger does to where the program says that it waits."""
    if "/" in address:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(TIMEOUT_S)
        connection.connect(address)
        return connection
    host, port = address.split(":")
    return socket.create_connection((host, int(port)), TIMEOUT_S)


COUNT = f"""
    li s0, 5
    la s1, counter
    li s2, 0x123456789abcdef0
again:
    sd s0, 0(s1)
    addi s0, s0, -1
    bnez s0, again
    li a0, 3
{EXIT}
.align 8
counter: .dword 0
"""


def run_gdb(script: list[str]) -> subprocess.CompletedProcess[str]:
    """Let gdb itself do these commands."""
    assert GDB is not None
    arguments = [word for line in script for word in ("-ex", line)]
    return subprocess.run(
        [GDB, "-nx", "-batch", *arguments],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.skipif(GDB is None, reason="gdb-multiarch is not installed on this host")
def test_gdb_itself_debugs_in_both_directions(tmp_path: Path) -> None:
    symbols = assemble_with_symbols(COUNT)[1]
    again, counter = symbols["again"], symbols["counter"]
    debugged = Debugged(write_guest(tmp_path, COUNT), "0")
    script = [
        "set pagination off",
        "set confirm off",
        "set architecture riscv:rv64",
        f"target remote {debugged.address}",
        f"break *{again:#x}",
        "continue",
        'printf "A %ld %lx\\n", $s0, $s2',
        "continue",
        "continue",
        'printf "B %ld\\n", $s0',
        "reverse-continue",
        'printf "C %ld\\n", $s0',
        "reverse-stepi",
        'printf "D %lx\\n", $pc',
        "stepi",
        'printf "E %lx %lx\\n", $pc, $mstatus',
        "delete",
        f"watch *(long*){counter:#x}",
        "continue",
        f'printf "F %ld %lx\\n", *(long*){counter:#x}, $pc',
        "reverse-continue",
        f'printf "G %ld %lx\\n", *(long*){counter:#x}, $pc',
        "delete",
        "monitor position",
        f"x/2i {again:#x}",
        "continue",
    ]
    done = run_gdb(script)
    shown = [line for line in done.stdout.splitlines() if line[1:2] == " " and line[0] in "ABCDEFG"]
    assert shown == [
        "A 5 123456789abcdef0",
        "B 3",
        "C 4",
        f"D {again + 8:x}",
        f"E {again:x} a00000000",
        f"F 4 {again + 4:x}",
        f"G 5 {again:x}",
    ], done.stdout + done.stderr
    assert "instructions" in done.stderr + done.stdout
    assert "exited with code 03" in done.stdout
    assert debugged.end()[0] == 3


FLOAT = f"""
    li t0, 0x6000
    csrs mstatus, t0
    li t1, 0x3ff8000000000000
    fmv.d.x fa0, t1
here: fadd.d fa2, fa0, fa1
    fcvt.l.d a0, fa2, rtz
{EXIT}
"""


@pytest.mark.skipif(GDB is None, reason="gdb-multiarch is not installed on this host")
def test_gdb_itself_reads_and_changes_floating_point_registers(tmp_path: Path) -> None:
    here = assemble_with_symbols(FLOAT)[1]["here"]
    debugged = Debugged(write_guest(tmp_path, FLOAT), "0")
    script = [
        "set architecture riscv:rv64",
        f"target remote {debugged.address}",
        f"break *{here:#x}",
        "continue",
        'printf "A %g\\n", $fa0.double',
        "set $fa1.double = 2.75",
        "stepi",
        'printf "B %g %d\\n", $fa2.double, $fcsr',
        "continue",
    ]
    done = run_gdb(script)
    shown = [line for line in done.stdout.splitlines() if line[:2] in ("A ", "B ")]
    assert shown == ["A 1.5", "B 4.25 0"], done.stdout + done.stderr
    assert debugged.process.wait(TIMEOUT_S) == 4


# The ABI in an ELF's flags, in which a program hands over numbers: lp64, lp64f, lp64d.
_FLAGS_AT = 48


@pytest.mark.skipif(GDB is None, reason="gdb-multiarch is not installed on this host")
def test_gdb_itself_takes_symbols_of_any_abi_on_any_machine(tmp_path: Path) -> None:
    """Also the monitor's commands, and registers that a debugger rarely writes."""
    guest = write_guest(tmp_path, ENDLESS)
    files = []
    for flags in (1, 3, 5):
        elf = bytearray(guest.read_bytes())
        elf[_FLAGS_AT : _FLAGS_AT + 4] = flags.to_bytes(4, "little")
        files.append(tmp_path / f"abi{flags}.elf")
        files[-1].write_bytes(elf)
    debugged = Debugged(guest, "0", "--cpu", "rv64imac")
    script = ["set confirm off", "set pagination off"]
    for file in files:
        script += [
            f"file {file}",
            f"target remote {debugged.address}",
            "stepi",
            "info registers pc fa0",
            "detach",
        ]
    script += [
        f"target remote {debugged.address}",
        "set $mscratch = 0x77",
        "set $mtvec = 0x80000100",
        "set $pmpaddr0 = 0x3fffffffffffff",
        "set $pmpcfg0 = 0x1f",
        "set $priv = 1",
        "stepi",
        'printf "A %lx %lx %d\\n", $mscratch, $mtvec, $priv',
        "monitor help",
        "monitor info mem",
        "monitor info registers",
        "kill",
    ]
    done = run_gdb(script)
    everything = done.stdout + done.stderr
    assert "bfd requires" not in everything
    assert everything.count("<unavailable>") >= 3, everything
    assert "A 77 80000100 1" in done.stdout, everything
    assert "info registers  all registers" in everything
    assert "satp is bare" in everything
    assert "pmpaddr15" in everything
    assert debugged.end()[0] == 130
