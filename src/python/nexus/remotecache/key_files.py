"""Files of keys, certificates and tokens, which are read more than once, by several processes."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

from nexus.entry.reading import open_bounded, read_descriptor

# Certificates of a whole company are a few hundred kilobytes.
FILE_BYTES_MAX: Final = 1 << 20


def read_file(path: Path) -> bytes:
    """Read such a file, at most one byte beyond the bound.

    Raises:
        OSError: it cannot be read, or is a pipe or a device: the second reader would find nothing.
    """
    descriptor = open_bounded(path)
    try:
        kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
        if kind not in {stat.S_IFREG, stat.S_IFDIR}:
            text = "is a pipe or a device; expected a regular file, which is read more than once"
            raise OSError(errno.EINVAL, text)
        return read_descriptor(descriptor, FILE_BYTES_MAX)
    finally:
        os.close(descriptor)
