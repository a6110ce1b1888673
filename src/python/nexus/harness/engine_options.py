"""The options of commands that choose an engine, and what it runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nexus.core.commandline import CommandLine


def add_engine(
    parser: CommandLine, engines: Sequence[str], translated: str = "images were"
) -> None:
    """Add `--engine`, `--native-blob` and `--translations`; the first of the engines is default."""
    add = parser.add_argument
    add("--engine", default=engines[0], metavar="NAME", help=f"one of {', '.join(engines)}")
    parser.suggest("--engine", engines)
    add(
        "--native-blob",
        type=Path,
        metavar="PATH",
        help="native interpreter; default: beside this program",
    )
    add("--translations", type=Path, metavar="PATH", help=f"translations of the {translated}")
