"""Oracles of users: how they are loaded, what they may give, and whose mistake is whose."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from nexus.campaign import judging
from nexus.campaign.judging import VIOLATIONS_MAX, OracleError, Violation, judge, load_oracle
from nexus.campaign.observation_cases import observation

HEAD = "from nexus.campaign.judging import Violation\n"


def written(folder: Path, text: str) -> Path:
    """An oracle's file."""
    path = folder / "oracle.py"
    path.write_text(text)
    return path


def test_what_an_oracle_yields_is_found_in_time(tmp_path: Path) -> None:
    text = HEAD + (
        "def check(o):\n"
        "    yield Violation('late', 'B', 9, 'second')\n"
        "    yield Violation('early', 'A', 5, 'first')\n"
    )
    found = judge([load_oracle(written(tmp_path, text))], observation())
    assert [violation.message for violation in found] == ["first", "second"]
    assert str(found[0]) == "early: machine A at 0.000005 ms: first"


def test_one_oracle_gives_a_bounded_number(tmp_path: Path) -> None:
    text = HEAD + "def check(o):\n    while True:\n        yield Violation('x', '', 0, 'again')\n"
    found = judge([load_oracle(written(tmp_path, text))], observation())
    assert found == (Violation("x", "", 0, "again"),) * VIOLATIONS_MAX


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("check = 1\n", "has no function check"),
        ("import nothing_of_this_name\n", "ModuleNotFoundError"),
        ("def check(:\n", "SyntaxError"),
    ],
)
def test_a_file_that_is_no_oracle_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(OracleError, match=words) as caught:
        load_oracle(written(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OracleError, match=r"no\.py is not there"):
        load_oracle(tmp_path / "no.py")


@pytest.mark.parametrize(
    ("body", "words"), [("return [1]", "expected a Violation"), ("return o.no", "AttributeError")]
)
def test_an_oracle_that_fails_is_named_with_the_seed(tmp_path: Path, body: str, words: str) -> None:
    oracle = load_oracle(written(tmp_path, f"def check(o):\n    {body}\n"))
    with pytest.raises(OracleError, match=f"oracle.py: seed 7: .*{words}"):
        judge([oracle], observation(seed=7))


@pytest.mark.parametrize("body", ["re.fullmatch('(a+)+$', 'a' * 64 + '!')", "while True: pass"])
def test_an_oracle_that_never_ends_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    monkeypatch.setattr(judging, "ORACLE_SECONDS_MAX", 1)
    monkeypatch.setattr(judging, "ORACLE_WAIT_SECONDS_MAX", 60)
    oracle = load_oracle(written(tmp_path, f"import re\ndef check(o):\n    {body}\n"))
    with pytest.raises(OracleError, match=r"oracle\.py: seed .* not finished after 1 s"):
        judge([oracle], observation())
    with pytest.raises(OracleError, match=r"oracle\.py: TimeoutError: not finished after 1 s"):
        load_oracle(written(tmp_path, f"import re\n{body}\n"))
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_an_oracle_that_waits_is_ended_by_another_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that gives a process little has not made its oracle bad; one that sleeps is."""
    monkeypatch.setattr(judging, "ORACLE_SECONDS_MAX", 0.5)
    monkeypatch.setattr(judging, "ORACLE_WAIT_SECONDS_MAX", 8)
    body = "import time\ndef check(o):\n    time.sleep({})\n    return []\n"
    assert not judge([load_oracle(written(tmp_path, body.format(1.5)))], observation())
    with pytest.raises(OracleError, match="not finished after 8 s of wall time"):
        judge([load_oracle(written(tmp_path, body.format(3600)))], observation())
