"""The settings of the emulator's benchmark."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The programs to measure, and how often."""

    folder: Path
    rounds: int = 5
    divisor: int = 1
    native_blob: Path | None = None
    translator: tuple[str, ...] = ()  # The program that translates images; empty: none is here.
    translations: Path | None = None
    program: Path | None = None  # The packaged `nexus`.
    images: dict[str, Path] = field(default_factory=dict)
    world: Path = Path("ci/os2vm.toml")
    single: Path = Path("ci/single.toml")
    workloads: list[str] | None = None
