"""Which words are offered instead of a wrong one."""

from __future__ import annotations

from nexus_os.suggestion import did_you_mean


def test_words_that_are_alike_are_offered_nearest_first() -> None:
    assert did_you_mean("sytem", ["kernel", "system"]) == " Did you mean 'system'?"
    assert did_you_mean("nod", ["node", "nodes"]) == " Did you mean 'node' or 'nodes'?"


def test_nothing_is_offered_where_nothing_is_alike() -> None:
    assert did_you_mean("sytem", ["kernel"]) == ""
    assert did_you_mean("sytem", []) == ""
