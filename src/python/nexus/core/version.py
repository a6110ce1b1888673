"""The version of what is released; a test holds the release archive's to it."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"
