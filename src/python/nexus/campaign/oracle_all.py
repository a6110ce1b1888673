"""All oracles of a world of Nexus's own guests, as one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nexus.campaign import (
    oracle_audit,
    oracle_client,
    oracle_discovery,
    oracle_leak,
    oracle_marker,
    oracle_state,
    oracle_tcp,
    oracle_wire,
)
from nexus.campaign.judging import Violation
from nexus.campaign.observation import Observation

# Cheap ones first; the later ones decode and open every frame.
ALL: Final = (
    oracle_client,
    oracle_leak,
    oracle_state,
    oracle_audit,
    oracle_tcp,
    oracle_wire,
    oracle_marker,
    oracle_discovery,
)


def check(observation: Observation) -> Iterator[Violation]:
    """Yield what any of them finds."""
    for oracle in ALL:
        yield from oracle.check(observation)
