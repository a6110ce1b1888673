"""The keys that a peer may name, held to one table with the guest.

The table and what its lines mean are in the guest's `policy_cases_test.zig`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from nexus.remotefs.state.acl import Rejection, is_usable, judge, judge_transfer
from nexus.wire.state import Op, Request

SOURCE: Final = Path(__file__).parents[5] / "src/guest/lib/dsoftbus/policy_cases_test.zig"
LINES: Final = re.findall(r"^ +\\\\key (.+)$", SOURCE.read_text(), re.MULTILINE)


def key_of(text: str) -> str:
    name, _, letters = text.replace("%", "\0").partition("*")
    return name + "k" * int(letters or 0)


def name_of(found: object) -> str:
    return found.why.value if isinstance(found, Rejection) else "let"


@pytest.mark.parametrize("line", LINES)
def test_which_keys_a_peer_may_name(line: str) -> None:
    text, verdict = line.split()
    key = key_of(text)
    for op in (Op.PUT, Op.GET, Op.DELETE, Op.LIST, Op.TXN_PUT):
        request = Request(op, key, b"v", limit=1, txn=1)
        assert name_of(judge(request.encode(), is_authenticated=True)) == verdict
    assert name_of(judge_transfer(Op.GET, key.encode(), 0)) == verdict
    assert is_usable(key) is (verdict == "let")


def test_the_table_has_all_its_cases() -> None:
    assert len(LINES) == 25
