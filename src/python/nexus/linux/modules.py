"""Modules of a Debian kernel, made ready for a machine that is to start soon.

A module is compressed by xz and ends with its signature:

    module | signature | 8 bytes | length of the signature u32, big-endian |
    `~Module signature appended~` and a line feed

The kernel checks a signature if there is one, which takes ten seconds of virtual time for ext4
alone (the hash of 7 MB, and RSA).  It does not ask for one, so the copies in the initial RAM disk
go without.  Not a byte of the module itself is changed.
"""

from __future__ import annotations

import lzma
from typing import Final

from nexus.linux.deb import PackageError

_MAGIC: Final = b"~Module signature appended~\n"
_TAIL_BYTES: Final = 12


def unpacked(compressed: bytes) -> bytes:
    """Decompress a module and drop its signature.

    Raises:
        PackageError: It is damaged.
    """
    try:
        module = lzma.decompress(compressed)
    except lzma.LZMAError as error:
        raise PackageError(f"a module is damaged: {error}") from None
    if not module.endswith(_MAGIC):
        return module
    end = len(module) - len(_MAGIC)
    size = int.from_bytes(module[end - 4 : end], "big")
    if size + _TAIL_BYTES > end:
        raise PackageError(f"a module is damaged: its signature has {size} bytes")
    return module[: end - _TAIL_BYTES - size]
