"""Observations for tests of what judges them: nothing happened, except for what a test says."""

from __future__ import annotations

from typing import Any  # Any: keyword arguments of several types.

from nexus.campaign.observation import Observation
from nexus.harness.report.story import Secrets


def observation(**given: Any) -> Observation:
    """A run of two machines in which nothing happened."""
    values: dict[str, Any] = {
        "scenario": "fake",
        "seed": 1,
        "machines": ("A", "B"),
        "lines": (),
        "markers": (),
        "frames": (),
        "requested": (),
        "happened": (),
        "steps": (),
        "disks": {},
        "outcome": "passed",
        "message": "",
        "heal_ns": 1_000_000_000,
        "end_ns": 2_000_000_000,
        "secrets": Secrets(),
    }
    return Observation(**{**values, **given})
