"""What generated code and Python share in memory: state words, caches, decoded pages.

The state is one buffer of 64-bit words: the architectural ones of `reference/state.py`, then the
private ones below.  Nothing private is visible to the guest, or part of a digest.

    bank        the caches of one context (privilege, address space...), BANKS of them
                256 x { load tag, store tag, addend, 0 }    tag: virtual page number
                256 x { fetch tag, decoded page }

    slot        one decoded instruction, 16 bytes per 2 bytes of code
                handler u64 | rd u8 | rs1 u8 | rs2 u8 | 0 | imm i32

    decoded     2048 slots | 2 slots that leave the page | RAM address u64 |
    page        word that straddles the end u64 | its handler u64
"""

from __future__ import annotations

import hashlib
from enum import IntEnum
from typing import Final

from nexus.emulator.isa.decode import BASE, COMPRESSED
from nexus.emulator.reference.state import STATE_WORDS

# Private state words.
(
    LEFT,  # Steps left when generated code returned.
    WHY,  # The Exit it returned with.
    PAGE_ADDRESS,  # Virtual address of the page that pc is in.
    TICKS_END,  # Ticks at the end of the budget.
    ACCESS,  # Address of the access whose page was not cached ...
    ACCESS_LAST,  # ... and of its last byte.
    RAM_HOST,  # Host address and size of RAM.
    RAM_BYTES,
    MARKS,  # Host address of the marks, a byte a page.
    PAGES,  # Host address of the decoded page of every RAM page, or 0.
    POOL_NEXT,  # Host address of the next unused decoded page, and the end of them.
    POOL_END,
    HANDLERS,  # Host address of the table of handlers.
    BANKS,  # Host address of bank 0.
    VICTIM,  # The bank to reuse next.
    PMP_OPEN,  # Bit 0: machine mode may access everything; bit 1: so may the others.
    FRESH,  # Nonzero: return with Exit.PAGE when a page is decoded for the first time ...
    FRESH_PAGE,  # ... whose number in RAM is this.
    PHYSICAL,  # Where the last access that was not to RAM went.
    UART_STATUS,  # What the UART's line status register reads now.
    UART_ROOM,  # Bytes that may be transmitted before Python has to look, and those so far ...
    UART_COUNT,
    UART_OUTPUT,  # ... which are at this host address.
    KEYS,  # Two words a bank: mode and satp.
) = range(STATE_WORDS, STATE_WORDS + 24)

BANK_COUNT: Final = 8
STATE_BYTES: Final = 8 * (KEYS + 2 * BANK_COUNT)

# A key's mode word that belongs to no context.
NO_CONTEXT: Final = (1 << 64) - 1
NO_TAG: Final = (1 << 64) - 1

TLB_ENTRIES: Final = 256
TLB_ENTRY_BYTES: Final = 32
FETCH_TLB: Final = TLB_ENTRIES * TLB_ENTRY_BYTES
FETCH_ENTRY_BYTES: Final = 16
BANK_BYTES: Final = FETCH_TLB + TLB_ENTRIES * FETCH_ENTRY_BYTES

SLOT_BYTES: Final = 16
SLOT_RD, SLOT_RS1, SLOT_RS2, SLOT_IMM = 8, 9, 10, 12
PAGE_SLOTS: Final = 2048
TAIL_RAM: Final = (PAGE_SLOTS + 2) * SLOT_BYTES
TAIL_WORD: Final = TAIL_RAM + 8
TAIL_HANDLER: Final = TAIL_RAM + 16
DECODED_PAGE_BYTES: Final = (TAIL_RAM + 24 + 63) // 64 * 64

# Console output that waits in memory while generated code runs.
UART_OUTPUT_BYTES: Final = 4096

# 4 MiB of live code; when it is used up, everything is decoded anew.
POOL_PAGES: Final = 1024


class Exit(IntEnum):
    """Why generated code returned."""

    BUDGET = 0  # No steps left.
    SLOW = 1  # The reference has to execute the instruction at pc.
    POOL = 2  # No decoded page left.
    PAGE = 3  # A page is about to be executed for the first time.


# Raise when generated code changes in a way that its inputs below do not show.
GENERATOR_VERSION: Final = 5


def table_digest() -> bytes:
    """Identifies the instruction table and this layout: a blob made from others is refused."""
    digest = hashlib.sha256(
        f"{GENERATOR_VERSION} {KEYS} {BANK_BYTES} {DECODED_PAGE_BYTES}".encode()
    )
    for row in BASE:
        digest.update(f"{row.name}|{row.pattern}|{row.immediate}|{row.semantics}\n".encode())
    for short in COMPRESSED:
        fixed = sorted(short.fixed.items())
        digest.update(f"{short.name}|{short.pattern}|{short.immediate}|{short.base}".encode())
        digest.update(f"|{fixed}|{short.nonzero}\n".encode())
    return digest.digest()
