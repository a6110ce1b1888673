"""Numbers as GDB's protocol writes them: hexadecimal digits and nothing else.

`int(text, 16)` also takes signs, spaces, underscores and `0x`; a register of number -1 must not
reach a table that Python indexes from its end.
"""

from __future__ import annotations

import re
from typing import Final

# Nothing in the protocol is wider than an address.
_DIGITS: Final = re.compile(rb"0*[0-9a-fA-F]{1,16}")


def number(text: bytes) -> int:
    """Read a number of up to 64 bits.

    Raises:
        ValueError: It is none.
    """
    if not _DIGITS.fullmatch(text):
        raise ValueError(f"not a number: {text!r}")
    return int(text, 16)


def pair(text: bytes) -> tuple[int, int]:
    """`address,length`; raises like `number`."""
    address, _, length = text.partition(b",")
    return number(address), number(length)


def content(digits: bytes) -> bytes:
    """Bytes written as two digits each.

    Raises:
        ValueError: There is something else among them, or half of one.
    """
    if not re.fullmatch(rb"(?:[0-9a-fA-F]{2})*", digits):
        raise ValueError(f"not bytes in hexadecimal: {digits[:20]!r}")
    return bytes.fromhex(digits.decode("ascii"))
