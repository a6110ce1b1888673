"""Batches of a campaign as processes: when they are wanted, what a plan says, and how one ended."""

from __future__ import annotations

import json
from typing import Tuple

import pytest  # pants: no-infer-dep
from pants.engine.addresses import Address
from pants.engine.fs import EMPTY_DIGEST

from nexus_os.faults.campaign_spreading import Batch, SpreadRequest, ending_of, read_plan


@pytest.mark.parametrize(
    ("arguments", "is_asked_for"),
    [
        ((), False),
        (("--seeds", "5"), False),
        (("--out", "spread"), False),
        (("--seeds", "5", "--spread"), True),
        (("--spread", "10"), True),
        (("--spread=10",), True),
    ],
)
def test_batches_are_made_where_they_are_asked_for(
    arguments: Tuple[str, ...], is_asked_for: bool
) -> None:
    request = SpreadRequest(Address("ci"), ("a.toml",), (), EMPTY_DIGEST, arguments)
    assert request.is_asked_for == is_asked_for


def test_a_plan_is_read() -> None:
    batch = {"name": "a-0-1", "scenario": "a.toml", "arguments": ["--seed=0", "--seed=1"]}
    plan = json.dumps({"format": "nexus-batches-1", "batches": [batch]})
    assert read_plan(plan.encode()) == (Batch("a-0-1", "a.toml", ("--seed=0", "--seed=1")),)


@pytest.mark.parametrize(
    ("stderr", "words"),
    [
        (b"", "exit code 21: it said nothing"),
        (b"first\nerror: last\n", "exit code 21: error: last"),
        (b"\xff" + b"x" * 600, "exit code 21: \ufffd" + "x" * 499),
    ],
)
def test_a_batch_that_left_nothing_is_said_to_have_ended_so(stderr: bytes, words: str) -> None:
    assert ending_of(21, stderr) == words
