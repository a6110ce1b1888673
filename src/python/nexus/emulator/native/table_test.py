"""The digest that is written down is that of the sources."""

from __future__ import annotations

import pytest

from nexus.emulator.native import table
from nexus.emulator.native.layout import MADE_FROM
from nexus.emulator.native.table import StaleDigestError, check_digest, table_digest


def test_the_digest_is_that_of_the_table() -> None:
    digest = table_digest().hex()
    assert digest == MADE_FROM.hex(), f"write {digest} to `layout.MADE_FROM`"
    check_digest()


def test_nothing_is_made_while_the_digest_is_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "GENERATOR_VERSION", 0)
    with pytest.raises(StaleDigestError, match=table_digest().hex()):
        check_digest()
