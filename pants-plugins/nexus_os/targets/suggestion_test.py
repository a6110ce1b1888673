"""The words that are offered instead of a wrong one."""

from __future__ import annotations

import pytest  # pants: no-infer-dep
from pants.engine.addresses import Address
from pants.engine.target import InvalidFieldException

from nexus_os.targets.images import GuestOptimizeField
from nexus_os.targets.suggestion import did_you_mean


def test_words_that_are_alike_are_offered_nearest_first() -> None:
    assert did_you_mean("sytem", ["kernel", "system"]) == " Did you mean 'system'?"
    assert did_you_mean("nod", ["node", "nodes"]) == " Did you mean 'node' or 'nodes'?"


def test_nothing_is_offered_where_nothing_is_alike() -> None:
    assert did_you_mean("sytem", ["kernel"]) == ""
    assert did_you_mean("sytem", []) == ""


def test_wrong_choice_is_told_with_all_and_with_the_nearest() -> None:
    assert GuestOptimizeField("ReleaseFast", Address("fw")).value == "ReleaseFast"
    assert GuestOptimizeField(None, Address("fw")).value == "ReleaseSafe"
    with pytest.raises(
        InvalidFieldException,
        match=r"'optimize' field in target fw:fw .*'ReleaseSmall'.*Did you mean 'ReleaseSafe'",
    ):
        GuestOptimizeField("releasesafe", Address("fw"))
