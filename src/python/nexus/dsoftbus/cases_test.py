"""Decisions of guest and host (rate, binding, discovery, replay), held to one table of cases.

The table and what its lines mean are in the guest's `cases_test.zig`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from nexus.dsoftbus.binding import Pin, bind
from nexus.dsoftbus.discovery import ENTRIES_MAX, Entry, PeerTable
from nexus.dsoftbus.rate import Bucket, Limit
from nexus.dsoftbus.replay import CALLS_MAX, EPOCHS_MAX, RETIRED_MAX, ReplayTable, Verdict
from nexus.wire.announce import Announce

SOURCE: Final = Path(__file__).parents[4] / "src/guest/lib/dsoftbus/cases_test.zig"
LINES: Final = re.findall(r"^ +\\\\(.+)$", SOURCE.read_text(), re.MULTILINE)
SIZES: Final = {"N": CALLS_MAX, "E": EPOCHS_MAX, "R": RETIRED_MAX, "M": ENTRIES_MAX}


def cases(kind: str) -> list[str]:
    return [line.removeprefix(f"{kind} ") for line in LINES if line.startswith(f"{kind} ")]


@pytest.mark.parametrize("line", cases("rate"))
def test_a_token_is_given_when_it_is_due_not_before(line: str) -> None:
    head, _, asked = line.partition(" | ")
    burst, per_second, start = map(int, head.split())
    bucket = Bucket(Limit(burst, per_second), start)
    for word in asked.split():
        assert bucket.take(int(word[:-1])) is (word[-1] == "+"), word


def key(letter: str) -> bytes:
    return letter.encode() * 32


def named(word: str) -> list[list[str]]:
    """Return the name and the letter of `NAME:LETTER`, and nothing for `-`."""
    return [word.split(":")] if word != "-" else []


@pytest.mark.parametrize("line", cases("bind"))
def test_the_first_thing_that_does_not_agree(line: str) -> None:
    claimed, live, pinned, proven, verdict = line.split()
    entries = [Entry(name, "10.42.0.10", 1, key(x), (), True, 0) for name, x in named(live)]
    pins = [Pin(name, key(letter)) for name, letter in named(pinned)]
    found = bind(claimed, next(iter(entries), None), next(iter(pins), None), key(proven))
    assert found.name.lower() == verdict


def value_of(text: str) -> int:
    if text.endswith("-1"):
        return value_of(text[:-2]) - 1
    return sum(SIZES.get(term) or int(term) for term in text.split("+"))


def id_of(epoch: int, number: int) -> int:
    return epoch << 32 | number


def name_of(text: str) -> int:
    epoch, _, number = text.partition(".")
    return id_of(value_of(epoch), value_of(number))


def calls_of(verb: str, words: list[str]) -> list[int]:
    if verb == "do":
        return [name_of(words[0])]
    *epoch, first, last = map(value_of, words)
    numbers = range(first, last + 1)
    return [id_of(epoch[0], n) for n in numbers] if epoch else [id_of(n, 1) for n in numbers]


def take_replay_step(table: ReplayTable, step: str) -> None:
    """Ask, or let calls run, as a step of a line says."""
    verb, *words = step.split()
    if verb not in ("is", "other"):
        for correlation in calls_of(verb, words):
            assert table.begin("peer", correlation, 4, b"put")[0] is Verdict.RUN, step
            table.finish("peer", correlation, b"ok")
        return
    request = b"other" if verb == "other" else b"put"
    verdict, reply = table.look("peer", name_of(words[0]), 4, request)
    wanted = b"ok" if verdict is Verdict.DONE else None
    assert (verdict.name.lower(), reply) == (words[1], wanted), step


@pytest.mark.parametrize("line", cases("replay"))
def test_what_runs_what_is_answered_again_what_is_refused(line: str) -> None:
    table = ReplayTable()
    for step in line.partition(" | ")[2].split("; "):
        take_replay_step(table, step)


def hear(table: PeerTable, name: str, now_ns: int) -> bool:
    announce = Announce(name.rstrip("*"), 1, key("k"))
    is_configured = name.endswith("*")
    return table.hear(announce, "10.42.0.9", is_configured=is_configured, now_ns=now_ns)


def take_discovery_step(table: PeerTable, step: str) -> None:
    """Let a table hear, or look into it, as a step of a line says."""
    verb, first, last = step.split()
    at = value_of(last)
    if verb == "flood":
        for number in range(value_of(first), at + 1):
            hear(table, f"x{number}", number)
    elif verb == "live":
        assert len(table.live(value_of(first))) == at, step
    elif verb in ("is", "not"):
        assert (table.find(first, at) is not None) is (verb == "is"), step
    else:
        assert hear(table, first, at) is (verb == "new"), step


@pytest.mark.parametrize("line", cases("discover"))
def test_who_is_known_until_when_and_who_makes_room(line: str) -> None:
    ttl, _, steps = line.partition(" | ")
    table = PeerTable(int(ttl))
    for step in steps.split("; "):
        take_discovery_step(table, step)


def test_the_table_has_all_its_cases() -> None:
    assert [len(cases(kind)) for kind in ("rate", "bind", "discover", "replay")] == [8, 15, 9, 17]
