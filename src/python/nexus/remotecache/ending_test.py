"""The programs end by a signal, but not by one that was ignored when they were started."""

from __future__ import annotations

import signal
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from nexus.core.errors import UsageError
from nexus.remotecache import manage, proof, serve, worker
from nexus.remotecache.processes import ENDING, take_ending
from nexus.remotecache.proof_stage import Verdict

# The answer of `manage` if nothing ended it.
NOT_ENDED = 7

# Says whether a new program takes the interrupt as usual, or a hangup.
CHILD = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
HUNG_UP = "import signal; print(signal.getsignal(signal.SIGHUP) is signal.SIG_DFL)"


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Put back the handlers of the signals after the test."""
    before = {number: signal.getsignal(number) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def serve_while(number: signal.Signals, monkeypatch: pytest.MonkeyPatch, folder: Path) -> int:
    """Run the server's program, which gets a signal while it works; return its exit code."""

    def work(_arguments: Namespace) -> int:
        signal.raise_signal(number)
        return NOT_ENDED

    monkeypatch.setattr(manage, "manage", work)
    return serve.main(["--grants", "--folder", str(folder)])


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_ends_the_server(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert serve_while(number, monkeypatch, tmp_path) == 0
    for again in ENDING:
        signal.raise_signal(again)  # Nothing disturbs the cleaning up.


@pytest.mark.parametrize("number", ENDING)
def test_what_was_ignored_does_not_end_the_server(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    signal.signal(number, signal.SIG_IGN)
    assert serve_while(number, monkeypatch, tmp_path) == NOT_ENDED


def proof_while(number: signal.Signals, monkeypatch: pytest.MonkeyPatch, folder: Path) -> int:
    """Run the proof, which gets a signal while it plays; return its exit code."""

    def play(*_: object) -> list[Verdict]:
        signal.raise_signal(number)
        return []

    monkeypatch.setattr(proof, "play_all", play)
    return proof.main(["--out", str(folder / "out"), next(iter(proof.CASES))])


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_ends_the_proof(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit) as caught:
        proof_while(number, monkeypatch, tmp_path)
    assert caught.value.code == 128 + number


@pytest.mark.parametrize("number", ENDING)
def test_what_was_ignored_does_not_end_the_proof(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    signal.signal(number, signal.SIG_IGN)
    assert proof_while(number, monkeypatch, tmp_path) == 0


def wishes_of_worker(number: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run the worker's program, which gets a signal; return how often it took it for a wish."""
    wish = worker.Wish()

    def parse(_argv: object) -> NoReturn:
        signal.raise_signal(number)
        raise UsageError("no worker is needed")

    monkeypatch.setattr(worker, "Wish", lambda: wish)
    monkeypatch.setattr(worker, "parse", parse)
    worker.main([])
    return wish.asked


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains_the_worker(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert wishes_of_worker(number, monkeypatch) == 1


@pytest.mark.parametrize("number", ENDING)
def test_what_was_ignored_does_not_drain_the_worker(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal.signal(number, signal.SIG_IGN)
    assert wishes_of_worker(number, monkeypatch) == 0


def test_what_a_program_starts_takes_the_interrupt_as_usual() -> None:
    """Else a test that a worker executes could fail by how the worker was started."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    take_ending(lambda *_: pytest.fail("it is ignored"))
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


@pytest.mark.parametrize("how", [signal.SIG_IGN, signal.SIG_DFL])
def test_what_a_worker_starts_takes_a_hangup_as_usual(
    how: signal.Handlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a program that a test started and hangs up would go on, as under nohup."""
    signal.signal(signal.SIGHUP, how)
    wishes_of_worker(signal.SIGTERM, monkeypatch)
    argv = [sys.executable, "-c", HUNG_UP]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
