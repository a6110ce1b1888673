"""Reading files: the one module of this package that touches a disk.

Every failure is a `ConfigError` whose line names the file.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Final

from nexus.config.error import ConfigError, Problem, show
from nexus.config.keys import FileKey
from nexus.config.layers import Layer, Origin, layer, render
from nexus.config.lines import Location, find_lines
from nexus.core.errors import did_you_mean
from nexus.entry.reading import open_bounded, read_bounded, read_descriptor

# Over twenty times the largest node or world file here; beyond it something else was named by
# mistake.  It also bounds the time that one file takes, which is about a second for a file that is
# nothing but mistakes.
FILE_BYTES_MAX: Final = 1 << 17

_KEY_FILE_BYTES_MAX: Final = 66

# Byte order marks of what is not UTF-8; the first begins with the second.
_WIDE: Final = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"\0\0\xfe\xff": "UTF-32",
}

# `int` reads no more than 4300 digits.
_LONG_INTEGER: Final = re.compile(r"[0-9][0-9_]{4300,}")


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


def read_toml(path: Path) -> dict[str, object]:
    """Read a TOML file."""
    return _read(path)[1]


_TOO_DEEP: Final = Problem("", "is nested too deeply")


def _read(path: Path) -> tuple[str, dict[str, object]]:
    try:
        content = read_bounded(path, FILE_BYTES_MAX)
        if len(content) > FILE_BYTES_MAX:
            raise ConfigError(str(path), [Problem("", f"larger than {FILE_BYTES_MAX} bytes")])
        text = content.decode("utf-8-sig")  # Some editors begin a file with a byte order mark.
        return text, tomllib.loads(text)
    except IsADirectoryError:
        problem = Problem("", "is a folder; expected a file")
    except OSError as exc:
        problem = Problem("", f"cannot read: {exc.strerror}")
    except UnicodeDecodeError:
        wide = next((name for mark, name in _WIDE.items() if content.startswith(mark)), None)
        problem = Problem("", f"is {wide} text; expected UTF-8" if wide else "is not UTF-8 text")
    except ValueError as exc:
        is_syntax = isinstance(exc, tomllib.TOMLDecodeError)
        long_integer = None if is_syntax else _find_long_integer(text)
        problem = long_integer or Problem("", f"is not TOML: {exc}")
    except RecursionError:
        problem = _TOO_DEEP
    raise ConfigError(str(path), [problem])


def _find_long_integer(text: str) -> Problem | None:
    """Find what Python refuses to read as a number, in words of its own and without a place."""
    found = _LONG_INTEGER.search(text)
    if found is None:
        return None
    digits = sum(char.isdigit() for char in found.group())
    said = f"an integer of {digits} digits; expected at most 19, as TOML has them"
    return Problem("", said, line=text.count("\n", 0, found.start()) + 1)


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
