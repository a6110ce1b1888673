"""The calls of peers that a store remembers, and what makes room: one table with the guest.

The table and what its lines mean are in the guest's `calls_cases_test.zig`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from nexus.remotefs.state.block import MemoryDevice
from nexus.remotefs.state.call import Call
from nexus.remotefs.state.calls import CALLS_MAX, EPOCHS_MAX, PEERS_MAX, Known
from nexus.remotefs.state.store import Store
from nexus.wire.state import Status

SOURCE: Final = Path(__file__).parents[5] / "src/guest/lib/statefs/calls_cases_test.zig"
LINES: Final = re.findall(r"^ +\\\\(.+ \| .+)$", SOURCE.read_text(), re.MULTILINE)
SIZES: Final = {"C": CALLS_MAX, "H": CALLS_MAX // 2, "E": EPOCHS_MAX, "P": PEERS_MAX}
WORDS: Final = {
    Known.RUN: "run",
    Known.FORGOTTEN: "forgotten",
    Status.OK: "ok",
    Status.NOT_FOUND: "absent",
}


def value_of(text: str) -> int:
    signs = re.findall(r"([+-]?)(\w+)", text)
    return sum((-1 if sign == "-" else 1) * (SIZES.get(x) or int(x)) for sign, x in signs)


def call_of(peer: str, epoch: int, number: int, digest: int = 1) -> Call:
    return Call(peer, epoch << 32 | number, bytes([digest]) * 16)


def numbers_of(verb: str, words: list[str]) -> list[tuple[int, int]]:
    """Return the epochs and numbers that a step does."""
    if verb == "do":
        epoch, _, number = words[0].partition(".")
        return [(value_of(epoch), value_of(number))]
    *given, first, last = map(value_of, words)
    each = range(first, last + 1)
    return [(given[0], number) for number in each] if given else [(epoch, 1) for epoch in each]


def known_of(store: Store, verb: str, name: str, peer: str) -> str:
    epoch, _, number = name.partition(".")
    digest = 2 if verb == "other" else 1
    return WORDS[store.judge(call_of(peer, value_of(epoch), value_of(number), digest))]


def take(store: Store, step: str, again: Callable[[Store], Store]) -> Store:
    """Let calls be made, or ask about one, as a step of a line says; return the store since."""
    verb, *words = step.split()
    if verb == "peers":
        for number in range(value_of(words[0]), value_of(words[1]) + 1):
            store.put_for(call_of(f"p{number}", 1, 1), "/k", b"v")
        return store
    peer = re.sub(r"^p(.+)", lambda match: f"p{value_of(match[1])}", words[0])
    if verb == "gone":
        ((epoch, number),) = numbers_of("do", words[1:])
        assert not store.delete_for(call_of(peer, epoch, number), "/n")
    elif verb in ("is", "other"):
        store = again(store)
        assert known_of(store, verb, words[1], peer) == words[2], step
    else:
        for epoch, number in numbers_of(verb, words[1:]):
            store.put_for(call_of(peer, epoch, number), "/k", b"v")
    return store


def as_it_is(store: Store) -> Store:
    return store


def opened(store: Store) -> Store:
    store.write_out()
    return Store(store._writer._device)


def compacted(store: Store) -> Store:
    assert store.compact()
    return opened(store)


@pytest.mark.parametrize("again", [as_it_is, opened, compacted])
@pytest.mark.parametrize("line", LINES)
def test_which_calls_are_known_and_what_makes_room_for_what(
    line: str, again: Callable[[Store], Store]
) -> None:
    store = Store(MemoryDevice(bytes(400 * 512)))
    for step in line.partition(" | ")[2].split("; "):
        store = take(store, step, again)


def test_the_table_has_all_its_cases() -> None:
    assert len(LINES) == 35
