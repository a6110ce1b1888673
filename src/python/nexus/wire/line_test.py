"""Lines of the contract, as those that look for them see them."""

from __future__ import annotations

import pytest

from nexus.contract import audit, marker
from nexus.wire.line import pattern_of, start_of


def test_fields_are_groups_in_their_order() -> None:
    pattern = pattern_of(marker.PROXY_OK)
    found = pattern.fullmatch("dsoftbusd: remote proxy ok (peer=node-a service=samgrd)")
    assert found is not None
    assert found.groups() == ("node-a", "samgrd")
    assert pattern.fullmatch("dsoftbusd: remote proxy ok (peer=a b service=samgrd)") is None


def test_a_field_may_be_described() -> None:
    pattern = pattern_of(audit.STATE_CHANGE, ending=".+")
    said = "audit remote statefs put reject outside_acl peer=node-a key=-"
    found = pattern.fullmatch(said)
    assert found is not None
    assert found[2] == "reject outside_acl"
    with pytest.raises(AssertionError, match="no field of"):
        pattern_of(audit.STATE_CHANGE, nothing="x")


def test_a_line_without_fields_is_itself() -> None:
    assert pattern_of(marker.NET_UP).fullmatch(marker.NET_UP)
    assert start_of(marker.NET_UP) == marker.NET_UP
    assert start_of(marker.KERNEL_CRASHED) == "kernel: service crashed name="


def test_numbers_are_written_as_the_guest_does() -> None:
    said = marker.STATE_ABANDONED.format(sender=0xAB)
    assert said == "statefsd: transaction abandoned sender=0x00000000000000ab"
    assert marker.KERNEL_PANIC.format(why="x", pc=0xAB) == "kernel: panic: x pc=0xab"
