"""The table of requests and replies that every server of packages must play, for tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final  # Any: rows of a table in JSON.

from nexus.image.package_image import PackageFile

FOLDER: Final = Path(__file__).parents[5] / "testprojects/packages"
_TABLE: Final[dict[str, Any]] = json.loads((FOLDER / "pk_cases.json").read_text())

MANIFESTS: Final = ("demo/bundle.toml", "demo/old/bundle.toml", "system/bundle.toml")


@dataclass(frozen=True, slots=True)
class Step:
    """One request and its reply."""

    request: bytes
    reply: bytes
    session: int
    is_authenticated: bool
    is_remote: bool


@dataclass(frozen=True, slots=True)
class Case:
    """Steps that build on each other, from sessions in which nothing is open."""

    name: str
    steps: tuple[Step, ...]


def _step(raw: dict[str, Any]) -> Step:
    assert set(raw) <= {"request", "reply", "session", "authenticated", "remote"}, raw
    return Step(
        bytes.fromhex(raw["request"]),
        bytes.fromhex(raw["reply"]),
        raw.get("session", 0),
        raw.get("authenticated", True),
        raw.get("remote", True),
    )


CASES: Final = tuple(
    Case(raw["name"], tuple(_step(step) for step in raw["steps"])) for raw in _TABLE["cases"]
)

FILES: Final = tuple(
    PackageFile(raw["bundle"], raw["version"], raw["path"], raw["text"].encode())
    for raw in _TABLE["files"]
)
