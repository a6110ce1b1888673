"""The activity of each machine, over the virtual time of a run, in a bounded number of stretches.

A run has as many steps as it likes; when its stretches are used up, two of them become one, so a
picture of any run has between half of them and all.  Same run, same stretches.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

FORMAT: Final = 1
STRETCHES_MAX: Final = 512
_FIRST_NS: Final = 100_000
_NS_PER_INSTRUCTION: Final = 10


class ActivityFile(BaseModel):
    """`activity.json`."""

    model_config = ConfigDict(extra="forbid")

    format: int = Field(ge=FORMAT, le=FORMAT)
    stretch_ns: int = Field(ge=1)
    # Instructions of each stretch, by machine.
    machines: dict[str, list[int]]


class Activity:
    """Instructions of each machine, stretch by stretch."""

    def __init__(self) -> None:
        self.stretch_ns = _FIRST_NS
        self.machines: dict[str, list[int]] = {}
        self._before: dict[str, int] = {}

    def note(self, now_ns: int, instructions: Mapping[str, int]) -> None:
        """Time has passed; `instructions` are those since each machine was switched on first."""
        while now_ns >= self.stretch_ns * STRETCHES_MAX:
            self._halve()
        # A step is shorter than a stretch in all but idle time, so it belongs to where it ended.
        index = max(now_ns - 1, 0) // self.stretch_ns
        for label, count in instructions.items():
            counts = self.machines.setdefault(label, [])
            counts += [0] * (index + 1 - len(counts))
            counts[index] += max(count - self._before.get(label, 0), 0)
            self._before[label] = count

    def _halve(self) -> None:
        self.stretch_ns *= 2
        for label, counts in self.machines.items():
            padded = [*counts, 0]
            self.machines[label] = [
                padded[index] + padded[index + 1] for index in range(0, len(counts), 2)
            ]

    def render(self) -> str:
        """Write the file."""
        held = {"format": FORMAT, "stretch_ns": self.stretch_ns, "machines": self.machines}
        return json.dumps(held) + "\n"


def shares(file: ActivityFile) -> dict[str, list[int]]:
    """Busy time of each stretch in per cent, by machine."""
    return {
        label: [
            min(100, -(-100 * count * _NS_PER_INSTRUCTION // file.stretch_ns)) for count in counts
        ]
        for label, counts in file.machines.items()
    }


def json_schema() -> dict[str, object]:
    """The JSON Schema of the file."""
    schema = ActivityFile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
