"""Compiles schemas on trial, in a process of their own.

pycapnp ends the process at a mistake in a schema: the compiler in it throws where nothing catches.
So a child compiles first, and what it says when it is ended is the mistake.
"""

from __future__ import annotations

import faulthandler
import os
import re
import resource
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NoReturn

# As the compiler writes it; it counts lines from 0, and of the path it may drop what is in front.
_MISTAKE: Final = re.compile(r"([^\s:]+):(\d+): failed: (.*)")

# More than a message of the compiler has.
_SAID_BYTES_MAX: Final = 65536


def find_mistakes(paths: Sequence[Path], compile_all: Callable[[], None]) -> list[str]:
    """Return what is wrong, one line each with file and line; an empty list is a good schema.

    Args:
        paths: The files, for their names in the result.
        compile_all: What compiles them; it runs in the child alone.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _try(writing, compile_all)
    os.close(writing)
    with open(reading, "rb") as pipe:
        said = pipe.read(_SAID_BYTES_MAX).decode(errors="replace")
    _, status = os.waitpid(child, 0)
    return [] if status == 0 else _lines(said, paths)


def _try(writing: int, compile_all: Callable[[], None]) -> NoReturn:
    faulthandler.disable()  # Its report would be taken for the compiler's.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.dup2(writing, 2)
    try:
        compile_all()
    except BaseException as exc:
        os.write(2, str(exc).encode())
        os._exit(1)
    sys.stderr.flush()
    os._exit(0)


def _lines(said: str, paths: Sequence[Path]) -> list[str]:
    given = {path.name: path for path in paths}
    found = [
        f"{given.get(Path(file).name, Path(file))}:{int(line) + 1}: {text}"
        for file, line, text in _MISTAKE.findall(said)
        if file.endswith(".capnp")
    ]
    rest = said.strip().splitlines()
    return found or [f"{paths[0]}: {rest[-1].strip() if rest else 'the compiler was ended'}"]
