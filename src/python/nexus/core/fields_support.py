"""Defaults of dataclasses, for tests that hold them to numbers."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any  # Any: dataclasses of every kind.


def left_out(kind: Any) -> dict[str, object]:
    """Return the values of a kind's fields where they are left out, if these are not empty."""
    empty: tuple[object, ...] = (MISSING, None, "", b"", (), frozenset())
    found = {each.name: each.default for each in fields(kind)}
    return {name: value for name, value in found.items() if value not in empty}
