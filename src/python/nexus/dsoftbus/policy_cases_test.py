"""The permissions of a peer, and which calls are changes: one table that host and guest play.

The table and what its lines mean are in the guest's `policy_cases_test.zig`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from nexus.dsoftbus.audit import Outcome
from nexus.dsoftbus.gateway import decide, of_frame
from nexus.dsoftbus.policy import Policy, Rule, is_mutation
from nexus.dsoftbus.rate import Bucket, Limit
from nexus.wire.gateway import REQUEST_PAYLOAD_MAX, Request

SOURCE: Final = Path(__file__).parents[4] / "src/guest/lib/dsoftbus/policy_cases_test.zig"
LINES: Final = re.findall(r"^ +\\\\(.+)$", SOURCE.read_text(), re.MULTILINE)


def cases(kind: str) -> list[str]:
    return [line.removeprefix(f"{kind} ") for line in LINES if line.startswith(f"{kind} ")]


def payload_of(word: str) -> bytes:
    """Return the bytes of `MAGIC.VERSION.OPCODE+LENGTH`, or of a beginning of that."""
    parts, _, length = word.replace("-", "").partition("+")
    magic, *numbers = parts.split(".")
    return (magic.encode() + bytes(map(int, numbers))).ljust(int(length or 0), b"\0")


def frame_of(service: int, word: str) -> bytes:
    payload = payload_of("SM.1.6" if word == "cut" else word)
    frame = bytearray(Request(service, 5, 1000, payload[:REQUEST_PAYLOAD_MAX]).encode())
    # The codec makes no frame that is too long: its length is a field of its own.
    frame[2:4] = len(payload).to_bytes(2, "little")
    return bytes(frame + payload[REQUEST_PAYLOAD_MAX:])[: -1 if word == "cut" else None]


def rules_of(text: str) -> list[Rule]:
    each = [rule.split(".") for rule in text.split(",") if rule != "-"]
    return [Rule(peer, int(service), int(opcode)) for peer, service, opcode in each]


OUTCOMES: Final = {
    **{outcome.name.lower(): outcome for outcome in Outcome},
    "forward": None,
}


@pytest.mark.parametrize("line", cases("gate"))
def test_what_the_gateway_lets_through_and_the_first_reason_why_not(line: str) -> None:
    head, _, calls = line.partition(" | ")
    burst, rules = head.split()
    policy = Policy(rules_of(rules))
    buckets = {peer: Bucket(Limit(int(burst), 1), 0) for peer in "ab"}
    for call in calls.split("; "):
        letter, service, word, outcome = call.split()
        peer = None if letter == "-" else letter
        asked = of_frame(frame_of(int(service), word))
        found = decide(peer, asked, policy, buckets.get(letter), 0)
        assert (found if isinstance(found, Outcome) else None) is OUTCOMES[outcome], call


@pytest.mark.parametrize("line", cases("change"))
def test_what_counts_as_a_change(line: str) -> None:
    service, word, answer = line.split()
    assert is_mutation(int(service), payload_of(word)) is (answer == "yes")


def test_the_table_has_all_its_cases() -> None:
    assert [len(cases(kind)) for kind in ("gate", "change", "key")] == [20, 15, 25]
