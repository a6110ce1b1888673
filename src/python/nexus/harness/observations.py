"""The records that a run made of its machines, ready to be written."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Observed:
    """Files by name, and what the reader must know of them."""

    files: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
