"""Files that an option names, read within a bound in bytes and in time."""

from __future__ import annotations

from pathlib import Path

from nexus.core.errors import UsageError
from nexus.entry.reading import read_bounded


def read_given(option: str, path: Path, bytes_max: int, accepted: str) -> bytes:
    """Read the file of an option; `accepted` says in an error what the option takes.

    Raises:
        UsageError: It cannot be read, does not end, or is too large.
    """
    try:
        content = read_bounded(path, bytes_max)
    except OSError as exc:
        raise UsageError(
            f"{option}: cannot read {path}: {exc.strerror}; expected {accepted}"
        ) from exc
    if len(content) > bytes_max:
        raise UsageError(f"{option}: {path} is larger than {bytes_max} bytes; expected {accepted}")
    return content


def read_given_text(option: str, path: Path, bytes_max: int, accepted: str) -> str:
    """Read a file of UTF-8, as `read_given` does.

    Raises:
        UsageError: It is not UTF-8 either.
    """
    content = read_given(option, path, bytes_max, accepted)
    try:
        return content.decode()
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
    raise UsageError(f"{option}: {path}:{line}: is not UTF-8 text; expected {accepted}")
