"""The stream depends on seed and machine, not on how it is read."""

from __future__ import annotations

import pytest

from nexus.core.randomness import KeyedRandom
from nexus.simulation.entropy import READ_BYTES_MAX, EntropyStream


def _stream(seed: int = 1, machine: str = "A") -> EntropyStream:
    return EntropyStream(KeyedRandom(seed), machine)


def test_cutting_into_reads_changes_nothing() -> None:
    whole = _stream()(300)
    stream = _stream()
    assert b"".join(stream(size) for size in (0, 1, 63, 64, 65, 107)) == whole


def test_seed_and_machine_each_change_the_stream() -> None:
    assert len({_stream(1, "A")(32), _stream(2, "A")(32), _stream(1, "B")(32)}) == 3


@pytest.mark.parametrize("count", [-1, READ_BYTES_MAX + 1])
def test_unreasonable_reads_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match="count"):
        _stream()(count)
