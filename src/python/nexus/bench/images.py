"""Images on the command line of a benchmark."""

from __future__ import annotations

import argparse
from pathlib import Path


def named_image(text: str) -> tuple[str, Path]:
    """Read NAME=FILE, as a type of argparse."""
    name, equals, path = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r}: expected NAME=FILE")
    return name, Path(path)
