"""Leaves files behind: each is either whole or not there, whatever interrupts the writing."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from nexus.harness.engine import HostFaultError


def write_all(directory: Path, files: Mapping[str, bytes]) -> None:
    """Write files (name -> content) into a directory, made if need be; so are folders in names.

    Raises:
        HostFaultError: the host does not let us write there; says where and why.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            path = directory / name
            if "/" in name:
                path.parent.mkdir(parents=True, exist_ok=True)
            _write_atomically(path, content)
    except OSError as exc:
        raise HostFaultError(
            f"cannot write to {exc.filename or directory}: {exc.strerror}"
        ) from exc


def _write_atomically(path: Path, content: bytes) -> None:
    # In the same directory: a rename across file systems would not be atomic.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
