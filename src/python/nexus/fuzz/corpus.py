"""Inputs that once were findings: one text file each, hexadecimal, named by its content.

<folder>/<target>/<first 16 digits of the SHA-256 of the input>.hex
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Final

from nexus.core.errors import NexusError

_LINE_DIGITS: Final = 96
_NAME_DIGITS: Final = 16


class CorpusError(NexusError):
    """A kept input cannot be used."""


def keep(folder: Path, target: str, data: bytes) -> Path:
    """Write an input; the same one twice is one file."""
    path = folder / target / f"{_name(data)}.hex"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = data.hex()
    lines = [text[at : at + _LINE_DIGITS] for at in range(0, len(text), _LINE_DIGITS)]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
    return path


def load(path: Path) -> bytes:
    """Read an input back.

    Raises:
        CorpusError: it is not hexadecimal, or not what its name says.
    """
    try:
        data = bytes.fromhex(path.read_text(encoding="utf-8"))
    except ValueError as exc:
        raise CorpusError(f"{path}: is not hexadecimal") from exc
    if path.stem != _name(data):
        raise CorpusError(f"{path}: its content's name is {_name(data)}.hex")
    return data


def load_all(folder: Path, target: str) -> list[bytes]:
    """Read what is kept for a target, in the order of the names."""
    return [load(path) for path in sorted((folder / target).glob("*.hex"))]


def _name(data: bytes) -> str:
    return sha256(data).hexdigest()[:_NAME_DIGITS]
