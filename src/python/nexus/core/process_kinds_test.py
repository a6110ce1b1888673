"""The kind of a process, where the beginnings of two kinds are alike."""

from __future__ import annotations

import pytest

from nexus.core.process_kinds import PROCESS_KINDS, kind_of


@pytest.mark.parametrize(
    ("description", "targets", "group"),
    [
        ("Test binary /usr/bin/git.", "(the machine)", "else"),
        ("Test src/guest/lib/wire:tests", "zig_test", "zig tests"),
        ("Build src/guest:system", "images, libraries", "images, libraries, machine code"),
        ("Building ruff.pex", "pex_binary, requirements", "Python requirements"),
    ],
)
def test_the_first_beginning_that_fits_counts(description: str, targets: str, group: str) -> None:
    kind = kind_of(description)
    assert kind is not None
    assert (kind.targets, kind.group) == (targets, group)


def test_a_description_without_a_kind_has_none() -> None:
    assert kind_of("Say hello") is None


def test_every_kind_can_be_reached() -> None:
    assert [kind_of(kind.beginning) for kind in PROCESS_KINDS] == list(PROCESS_KINDS)
