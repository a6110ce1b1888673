"""The words of messages, as far as a machine can hold them: what a reader stumbles over is gone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import nexus.cli.main
import nexus.config.load
import nexus.core.errors
import nexus.harness.program
import nexus.image.package

FOLDERS = [
    Path(module.__file__ or "").parent
    for module in (
        nexus.cli.main,
        nexus.config.load,
        nexus.core.errors,
        nexus.harness.program,
        nexus.image.package,
    )
]

# Headless words, and verbs that messages of this project do not use.
STUMBLES = re.compile(
    r"\b(accepted (are|is)\b|is no [a-z]|are no [a-z]|is none of|is told|are told|tells? of"
    r"|of whoever|to who\b|for who\b|such as is)"
)


def literals(folder: Path) -> Iterator[tuple[str, int, str]]:
    """Yield the texts of a folder's modules, without their docstrings."""
    for path in sorted(folder.glob("*.py")):
        if path.stem.endswith(("_test", "_fake", "_cases", "_scene", "_support")):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        prose = {
            id(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant))
        for node in constants:
            if isinstance(node.value, str) and id(node) not in prose:
                yield path.name, node.lineno, node.value


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_messages_are_plain_english(folder: Path) -> None:
    found = [
        f"{name}:{line}: {text!r}" for name, line, text in literals(folder) if STUMBLES.search(text)
    ]
    assert found == []
