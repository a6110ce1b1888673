"""Reading files: the one module of this package that touches a disk.

Every failure is a `ConfigError` whose line names the file.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

from nexus.config.error import ConfigError, Problem, show
from nexus.config.keys import FileKey
from nexus.config.layers import Layer, Origin, layer, render
from nexus.config.lines import Location, find_lines
from nexus.core import toml
from nexus.core.errors import did_you_mean
from nexus.entry.reading import open_bounded, read_bounded, read_descriptor

# Over twenty times the largest node or world file here; beyond it something else was named by
# mistake.  It also bounds the time that one file takes, which is about a second for a file that is
# nothing but mistakes.
FILE_BYTES_MAX: Final = 1 << 17

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
        problem = Problem("", "is nested too deeply")
    raise ConfigError(source, [problem])


def read_toml(path: Path) -> dict[str, object]:
    """Read a TOML file."""
    return _read(path)[1]


def _read(path: Path) -> tuple[str, dict[str, object]]:
    try:
        content = read_bounded(path, FILE_BYTES_MAX)
        if len(content) > FILE_BYTES_MAX:
            raise ConfigError(str(path), [Problem("", f"larger than {FILE_BYTES_MAX} bytes")])
        text = toml.decode(content)
        return text, toml.parse(text)
    except IsADirectoryError:
        problem = Problem("", "is a folder; expected a file")
    except OSError as exc:
        problem = Problem("", f"cannot read: {exc.strerror}")
    except toml.TomlError as exc:
        problem = Problem("", str(exc), line=exc.line)
    raise ConfigError(str(path), [problem])


def find_missing(path: Path, name: str, what: str) -> str | None:
    """Say what is wrong with a file that `name` stands for, if it is not there."""
    try:
        mode = path.stat().st_mode
    except ValueError:  # A path with a null character.
        return f"{show(name)} is not a path"
    except OSError as exc:
        if exc.errno == errno.ELOOP:
            return f"{show(name)} is a link that leads to itself; expected a {what}"
        mode = 0
    if stat.S_ISDIR(mode):
        return f"{show(name)} is a folder; expected a {what}"
    if mode:
        return None  # Whether a device or a pipe has a configuration is seen when it is read.
    text = f"{show(name)} is a missing {what}; looked for {path}"
    try:
        beside = [entry.name for entry in path.parent.iterdir() if entry.suffix == ".toml"]
    except OSError:
        beside = []
    return text + did_you_mean(path.name, beside)


def read_key(origin: Origin, key: FileKey) -> None:
    """Read a key file, beside the file that names it.

    Raises:
        ConfigError: it cannot be read or is not a key; its content is not part of the message.
    """
    path = origin.folder / key.file
    try:
        descriptor = open_bounded(path)
        try:
            # Asked of the open file, so that what is checked is what is read.
            mode = os.fstat(descriptor).st_mode
            is_file = stat.S_ISREG(mode)
            content = read_descriptor(descriptor, _KEY_FILE_BYTES_MAX) if is_file else b""
        finally:
            os.close(descriptor)
    except OSError as exc:
        text = f"cannot read {show(key.file)}: {exc.strerror}"
        problem = Problem(origin.field, text, line=origin.line)
        raise ConfigError(origin.source, [problem]) from exc
    if mode & 0o077:
        shown = f"mode {stat.S_IMODE(mode):04o}"
        text = f"{show(key.file)} has {shown}; expected a file of its owner only, such as 0600"
        raise ConfigError(origin.source, [Problem(origin.field, text, line=origin.line)])
    try:
        key.take_content(content)
    except ValueError as exc:
        problem = Problem(origin.field, f"{show(key.file)}: {exc}", line=origin.line)
        raise ConfigError(origin.source, [problem]) from None
