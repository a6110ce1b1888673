"""`nexus world debug`: a machine of a failing seed stands still where it was asked to.

The debugger is a client of this test, by the protocol of GDB; or a program of its name that the
command has to start by itself.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from nexus.campaign import simulate
from nexus.cli.main import main as nexus
from nexus.emulator.native_interpreter_support import FOR_PROCESSORS, INTERPRETER, RUNS_HERE
from nexus.entry.signals_support import usual_signals
from nexus.harness.debugger_support import PC, Debugger

IMAGE: Final = Path("src.guest/system.elf").resolve()
PACKAGES: Final = Path("testprojects.packages/packages.img").resolve()
WORLD: Final = Path("ci/os2vm.toml").resolve()
NATIVE: Final = ("--native-blob", str(Path(INTERPRETER).resolve()))
TIMEOUT_S: Final = 60

SCENARIO: Final = f"""\
world = "{WORLD}"
text = "an oracle that complains of the first lost frame"
oracles = ["oracle.py"]
[budget]
faults_from_ms = 30
heal_ms = 58
run_ms = 60
[[fault]]
kind = "loss"
at = ["A>B"]
chance = "1"
most = "1"
"""

ORACLE: Final = """\
from nexus.campaign.judging import Violation

def check(observation):
    for frame in observation.frames:
        if "loss" in frame.fates:
            yield Violation("lost", "B", frame.sent_ns, "a frame was lost")
            return
"""

# A stand-in for GDB: it goes where it is told to, says what it was started with, and kills.
GDB: Final = """\
#!{python}
import os, signal, socket, sys
place = sys.argv[-1].removeprefix("target remote ")
os.kill(os.getppid(), signal.SIGINT)  # Ctrl-C reaches both; it is meant for GDB.
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(place)
    print("started with", *sys.argv[1:-1], flush=True)
    connection.sendall(b"$vKill;1#%02x" % (sum(b"vKill;1") & 255))
    connection.recv(100)
"""

pytestmark = pytest.mark.skipif(not RUNS_HERE, reason=FOR_PROCESSORS)


@pytest.fixture
def replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The replay file of a failing seed."""
    monkeypatch.setenv("NEXUS_COMMIT", "abc")
    (tmp_path / "oracle.py").write_text(ORACLE)
    scenario = tmp_path / "lost.toml"
    scenario.write_text(SCENARIO)
    images = ("--image", f"system={IMAGE}", "--image", f"packages={PACKAGES}")
    out = ("--out", str(tmp_path / "out"))
    assert simulate.main([str(scenario), *images, *NATIVE, "--seed", "1", *out]) == 1
    return tmp_path / "out" / "lost-1.replay.json"


@contextmanager
def debugging(replay: Path, *more: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """The command, in a process of its own."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        **variables,
    }
    with usual_signals():
        process = subprocess.Popen(
            [sys.executable, "-m", "nexus.cli.world.debug", str(replay), *NATIVE, *more],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def connect(where: Path) -> Debugger:
    """Speak to the command through its socket."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(TIMEOUT_S)
    connection.connect(str(where))
    return Debugger(connection)


@pytest.mark.parametrize("last", ["D", "vKill;1"])
def test_a_machine_stands_still_at_the_instant_and_takes_one_step(
    replay: Path, tmp_path: Path, last: str
) -> None:
    where = tmp_path / "gdb"
    arguments = ("--machine", "A", "--at-ms", "25.5", "--gdb", str(where))
    with debugging(replay, *arguments) as process:
        assert process.stderr is not None
        said = [process.stderr.readline() for _ in range(2)]
        assert f"target remote {where}" in "".join(said)
        assert "debug: machine A stands still at 25.500 ms\n" in said
        debugger = connect(where)
        assert debugger.ask("?") == "S05"
        before = debugger.register(PC)
        assert debugger.ask("vCont;s") == "S05"
        assert debugger.register(PC) != before
        assert debugger.ask(last) == "OK"
        debugger.leave()
        _, rest = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 0
        assert ("ended by the debugger of machine A" in rest) == (last != "D")
    assert not where.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_whoever_ends_it_finds_no_socket_left_behind(
    replay: Path, tmp_path: Path, number: int
) -> None:
    where = tmp_path / "gdb"
    with debugging(replay, "--at-ms", "25", "--gdb", str(where)) as process:
        assert process.stderr is not None
        while "stands still" not in process.stderr.readline():
            assert process.poll() is None
        assert where.is_socket()
        process.send_signal(number)
        said, _ = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, said) == (130, "")
    assert not where.exists()


def test_without_a_place_it_starts_gdb_on_the_machine_that_failed_shortly_before(
    replay: Path, tmp_path: Path
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "gdb-multiarch").write_text(GDB.format(python=sys.executable))
    (tools / "gdb-multiarch").chmod(0o755)
    with debugging(replay, PATH=str(tools)) as process:
        said, complained = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0
    assert said == f"started with -q {IMAGE} -ex\n"
    assert "debug: machine B stands still at " in complained


def test_without_gdb_it_says_what_to_do(
    replay: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert nexus(["world", "debug", str(replay), *NATIVE]) == 20
    assert "install one, or give --gdb PORT" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--machine", "C"), "--machine: 'C' is unknown"),
        (("--at-ms", "61"), "--at-ms: 61 is not in 0.."),
        (("--at-ms", "-1"), "--at-ms: '-1' is not a number of milliseconds in 0.."),
        (("--at-ms", "nan"), "--at-ms: 'nan' is not a number of milliseconds in 0.."),
        (("--at-ms", "soon"), "--at-ms"),
    ],
)
def test_a_mistake_is_one_line_and_20(
    replay: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    capsys.readouterr()
    assert nexus(["world", "debug", str(replay), *NATIVE, *arguments]) == 20
    shown = capsys.readouterr()
    assert words in shown.err
    assert shown.err.count("\n") == 1
