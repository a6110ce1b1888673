"""The whole matrix of agreeing and not agreeing: exactly one of 32 cases is bound."""

from __future__ import annotations

from itertools import product

import pytest

from nexus.dsoftbus.binding import Pin, Verdict, bind, may_dial
from nexus.dsoftbus.discovery import Entry

KEY, OTHER = b"\x01" * 32, b"\x02" * 32


def entry(device_id: str = "node-a", key: bytes = KEY) -> Entry:
    return Entry(device_id, "10.42.0.10", 1, key, (), True, 0)


def verdict_if(
    claims_right: bool,
    is_live: bool,
    announced_right: bool,
    pinned_right: bool,
    proven_right: bool,
) -> Verdict:
    return bind(
        "node-a" if claims_right else "node-x",
        entry(key=KEY if announced_right else OTHER) if is_live else None,
        Pin("node-a", KEY if pinned_right else b"\x03" * 32),
        KEY if proven_right else b"\x04" * 32,
    )


def test_all_five_must_agree() -> None:
    cases = product((False, True), repeat=5)
    assert [case for case in cases if verdict_if(*case) is Verdict.BOUND] == [(True,) * 5]


@pytest.mark.parametrize(
    ("live", "pin", "proven", "expected"),
    [
        (entry(), Pin("node-a", KEY), KEY, Verdict.BOUND),
        (entry(), None, KEY, Verdict.UNKNOWN),
        (entry(), Pin("node-b", KEY), KEY, Verdict.UNKNOWN),
        (entry(), Pin("node-a", KEY), OTHER, Verdict.PINNED_KEY),
        (None, Pin("node-a", KEY), KEY, Verdict.NOT_DISCOVERED),
        (entry("node-b"), Pin("node-a", KEY), KEY, Verdict.NOT_DISCOVERED),
        (entry(key=OTHER), Pin("node-a", KEY), KEY, Verdict.ANNOUNCED_KEY),
        (entry(), Pin("node-a", KEY), KEY[:31], Verdict.PINNED_KEY),
    ],
)
def test_the_first_thing_that_does_not_agree(
    live: Entry | None, pin: Pin | None, proven: bytes, expected: Verdict
) -> None:
    assert bind("node-a", live, pin, proven) is expected


def test_only_an_announced_peer_with_the_pinned_key_is_dialled() -> None:
    pin = Pin("node-a", KEY)
    assert may_dial(pin, entry())
    assert not may_dial(pin, None)
    assert not may_dial(pin, entry(key=OTHER))
    assert not may_dial(pin, entry("node-b"))


def test_a_pin_that_is_printed_shows_no_key() -> None:
    assert repr(Pin("node-a", KEY)) == "Pin(device_id='node-a')"
