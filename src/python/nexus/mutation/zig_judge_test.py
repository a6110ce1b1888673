"""The end of a program of zig tests: its exit code, and the last test that it began."""

from __future__ import annotations

import signal

import pytest

from nexus.mutation.verdict import Fate
from nexus.mutation.zig_judge import outcome_of

SAID = b"begin 7\n7 1000\nbegin 4\n"


@pytest.mark.parametrize(
    ("returncode", "output", "fate", "begun"),
    [
        pytest.param(0, SAID, Fate.SURVIVED, [7, 4], id="every test passed"),
        pytest.param(1, SAID, Fate.KILLED, [7, 4], id="the second test failed"),
        pytest.param(-signal.SIGABRT, SAID, Fate.KILLED, [7, 4], id="it crashed"),
        pytest.param(-signal.SIGXCPU, SAID, Fate.TIMEOUT, [7, 4], id="it computed for too long"),
        pytest.param(None, SAID, Fate.TIMEOUT, [7, 4], id="it waited for too long"),
        pytest.param(-signal.SIGSEGV, b"", Fate.KILLED, [7], id="it died before it began"),
        pytest.param(1, b"begin x\n\xff", Fate.KILLED, [7], id="it died and said something else"),
        pytest.param(None, b"", Fate.TIMEOUT, [7], id="it waited before it began"),
        pytest.param(0, b"", Fate.SURVIVED, [], id="it had nothing to say"),
    ],
)
def test_the_last_test_that_began_is_to_blame_or_the_first_one(
    returncode: int | None, output: bytes, fate: Fate, begun: list[int]
) -> None:
    assert outcome_of([7, 4, 9], returncode, output) == (fate, begun)
