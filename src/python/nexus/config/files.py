"""Reading files: the one module of this package that touches a disk.

Every failure is a `ConfigError` whose line names the file.
"""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path
from typing import Any, Final

from nexus.config.error import ConfigError, Problem
from nexus.config.keys import FileKey
from nexus.config.layers import Layer, Origin, layer, render
from nexus.config.lines import Location, find_lines
from nexus.core.errors import did_you_mean

# A thousand times what a real file needs; beyond it something else was named by mistake.
FILE_BYTES_MAX: Final = 1 << 20
_KEY_FILE_BYTES_MAX: Final = 66


def read_layer(path: Path) -> Layer:
    """Read a TOML file; each value knows its line."""
    text, data = _read(path)
    source = str(path)
    try:
        lines = find_lines(text)

        def origin_at(place: Location) -> Origin:
            return Origin(source, lines.get(place, 0), render(place))

        return layer(source, data, origin_at)
    except RecursionError:
        problem = _TOO_DEEP
    raise ConfigError(source, [problem])


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file."""
    return _read(path)[1]


_TOO_DEEP: Final = Problem("", "is nested too deeply")


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        with path.open("rb") as stream:
            content = stream.read(FILE_BYTES_MAX + 1)  # A device has no size to ask for first.
        if len(content) > FILE_BYTES_MAX:
            raise ConfigError(str(path), [Problem("", f"larger than {FILE_BYTES_MAX} bytes")])
        text = content.decode("utf-8")
        return text, tomllib.loads(text)
    except OSError as exc:
        problem = Problem("", f"cannot read: {exc.strerror}")
    except UnicodeDecodeError:
        problem = Problem("", "is not UTF-8 text")
    except ValueError as exc:  # Also what an integer of thousands of digits raises.
        problem = Problem("", f"is not TOML: {exc}")
    except RecursionError:
        problem = _TOO_DEEP
    raise ConfigError(str(path), [problem])


def find_missing(path: Path, name: str, what: str) -> str | None:
    """Say what is wrong with a file that `name` stands for, if it is not there."""
    try:
        if path.is_file():
            return None
    except ValueError:  # A path with a null character.
        return f"{name!r} is no path"
    text = f"{name!r} is a missing {what}; looked for {path}"
    try:
        beside = [entry.name for entry in path.parent.iterdir() if entry.suffix == ".toml"]
    except OSError:
        beside = []
    return text + did_you_mean(path.name, beside)


def read_key(origin: Origin, key: FileKey) -> None:
    """Read a key file, beside the file that names it.

    Raises:
        ConfigError: it cannot be read or is no key; its content is not part of the message.
    """
    path = origin.folder / key.file
    try:
        with path.open("rb") as stream:
            # Asked of the open file, so that what is checked is what is read.
            mode = os.fstat(stream.fileno()).st_mode
            content = stream.read(_KEY_FILE_BYTES_MAX) if stat.S_ISREG(mode) else b""
    except OSError as exc:
        problem = Problem(origin.field, f"cannot read {key.file!r}: {exc.strerror}")
        raise ConfigError(origin.source, [problem]) from exc
    if mode & 0o077:
        shown = f"mode {stat.S_IMODE(mode):04o}"
        text = f"{key.file!r} has {shown}; accepted is a file of its owner only, such as 0600"
        raise ConfigError(origin.source, [Problem(origin.field, text)])
    try:
        key.take_content(content)
    except ValueError as exc:
        problem = Problem(origin.field, f"{key.file!r}: {exc}")
        raise ConfigError(origin.source, [problem]) from None
