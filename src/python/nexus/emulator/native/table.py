"""The digest of everything that generated code is made from."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from nexus.emulator.isa.decode import BASE, COMPRESSED
from nexus.emulator.native.layout import BANK_BYTES, DECODED_PAGE_BYTES, KEYS, MADE_FROM

# Raise when generated code changes in a way that the inputs below do not show.
GENERATOR_VERSION: Final = 23


class StaleDigestError(Exception):
    """`layout.MADE_FROM` is that of other sources: write the digest of these there."""


def table_digest() -> bytes:
    """Identifies the instruction table and the layout: a blob made from others is refused."""
    digest = sha256(f"{GENERATOR_VERSION} {KEYS} {BANK_BYTES} {DECODED_PAGE_BYTES}".encode())
    for row in BASE:
        digest.update(f"{row.name}|{row.pattern}|{row.immediate}|{row.semantics}\n".encode())
    for short in COMPRESSED:
        fixed = sorted(short.fixed.items())
        digest.update(f"{short.name}|{short.pattern}|{short.immediate}|{short.base}".encode())
        digest.update(f"|{fixed}|{short.nonzero}\n".encode())
    return digest.digest()


def check_digest() -> None:
    """Hold the digest that products get to the sources; the maker of a product asks.

    Raises:
        StaleDigestError: It is that of other sources.
    """
    found = table_digest()
    if found != MADE_FROM:
        raise StaleDigestError(
            "layout.MADE_FROM is the digest of other sources; "
            f'write bytes.fromhex("{found.hex()}") there'
        )
