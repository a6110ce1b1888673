"""Takes the debug information out of an ELF; what a loader sees stays as it is, byte for byte.

Kept are the sections that are in memory when the program runs, at the same places in the file,
and a table of their names.  So a stripped image and its twin have the same code by construction:
asked not to make debug information at all, the compiler makes other code now and then.
"""

from __future__ import annotations

import struct
from typing import List

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_NAME, _TYPE, _FLAGS, _OFFSET, _SIZE = 0, 1, 2, 4, 5
_NULL, _NOBITS, _STRINGS = 0, 8, 3
_ALLOCATED = 2
_NAMES = b".shstrtab"


def strip(elf: bytes) -> bytes:
    """Return the file without what only debuggers read.

    Raises:
        ValueError: it is not a whole ELF64 file with section headers.
    """
    try:
        return _strip(elf)
    except (struct.error, IndexError) as exc:
        raise ValueError(f"expected an ELF64 file with section headers: {exc}") from None


def _strip(elf: bytes) -> bytes:
    header = list(_HEADER.unpack_from(elf))
    if elf[:6] != b"\x7fELF\x02\x01":
        raise ValueError("expected a little-endian ELF64 file")
    table, count, names_index = header[6], header[12], header[13]
    sections = [list(_SECTION.unpack_from(elf, table + i * _SECTION.size)) for i in range(count)]
    names_at = sections[names_index][_OFFSET]
    kept = [s for s in sections if s[_TYPE] == _NULL or s[_FLAGS] & _ALLOCATED]
    names = b"\0"
    for section in kept[1:]:
        start = names_at + section[_NAME]
        name = elf[start : elf.index(b"\0", start) + 1]
        section[_NAME] = len(names)
        names += name
    end = max([_end(section) for section in kept[1:]] + [header[5] + header[9] * header[10]])
    own_name = len(names)
    names += _NAMES + b"\0"
    kept.append([own_name, _STRINGS, 0, 0, end, len(names), 0, 0, 1, 0])
    body = elf[:end] + names
    body += bytes(-len(body) % 8)
    header[6], header[12], header[13] = len(body), len(kept), len(kept) - 1
    return _HEADER.pack(*header) + body[_HEADER.size :] + b"".join(_SECTION.pack(*s) for s in kept)


def _end(section: List[int]) -> int:
    return section[_OFFSET] + (0 if section[_TYPE] == _NOBITS else section[_SIZE])
