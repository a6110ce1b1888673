"""The text with which every packaged program begins, as BUILD has it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

BUILD: Final = Path("BUILD")


def starter() -> str:
    """Read what comes after `#!`."""
    for line in ast.parse(BUILD.read_text("utf-8")).body:
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "STARTER":
            text = ast.literal_eval(line.value)
            assert isinstance(text, str)
            return text
    raise LookupError("BUILD has no STARTER")
