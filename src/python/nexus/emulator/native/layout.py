"""The memory that generated code and Python share: state words, caches, decoded pages.

The state is one buffer of 64-bit words: the architectural ones of `reference/state.py`, then the
private ones below.  Nothing private is visible to the guest, or part of a digest.

    bank        the caches of one context (privilege, address space...), BANKS of them
                256 x a load and a store window of a page, 32 bytes each:
                    first address u64 | what makes it a host address u64 | bounds of accesses of
                    1, 2, 4 and 8 bytes 4 x u16 | 0 u64;   one at first + n is allowed if n < bound
                256 x { fetch tag, decoded page }    tag: virtual page number

    record      what is remembered of one page of RAM, 64 bytes
                decoded page u64, or 0 | lines of 64 bytes, a bit each, that were: decoded u64,
                walked as a page table u64, translated u64 | the store window of this page u64:
                0 none, 1 several, else its host address | 24 bytes, unused

    slot        one decoded instruction, 16 bytes per 2 bytes of code
                handler u64 | rd u8 | rs1 u8 | rs2 u8 | bits u8 | imm i32
                bits: 1 if translated; the kind of instruction for `joined.py`, in six; 1 if its
                handler does the following instruction too

    decoded     2048 slots | 2 slots that leave the page | RAM address u64 |
    page        word that straddles the end u64 | its handler u64 | record u64 |
                guard u64: 0, or of which mode and protection it holds the permitted instructions

A window is the part of a page that may be accessed without looking: protection is the same in all
of it, and nothing in it is remembered if it is for stores.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from nexus.emulator.board import VIRTIO_SLOTS
from nexus.emulator.device.plic import WORDS as PLIC_WORDS
from nexus.emulator.device.rtc import WORDS as RTC_WORDS
from nexus.emulator.device.uart import WORDS as UART_WORDS
from nexus.emulator.device.virtio_mmio import WORDS as VIRTIO_WORDS
from nexus.emulator.reference.state import STATE_WORDS

# Private state words.
(
    LEFT,  # Steps left when generated code returned.
    WHY,  # The Exit it returned with.
    PAGE_ADDRESS,  # Virtual address of the page that pc is in.
    CURRENT,  # Host address of that page's bytes, when the budget ended.
    TICKS_END,  # Ticks at the end of the budget.
    CUT,  # Steps by which generated code shortened the budget, for a timer; negative if it has
    # lengthened it, for the turn of another hart.
    ACCESS,  # Address of the access whose page was not cached ...
    ACCESS_LAST,  # ... of its last byte ...
    ACCESS_SHAPE,  # ... and what instruction it is of: see below.
    RAM_HOST,  # Host address and size of RAM.
    RAM_BYTES,
    MARKS,  # Host address of the marks, a byte a page.
    RECORDS,  # Host address of the record of every RAM page.
    POOL_NEXT,  # Host address of the next unused decoded page, and the end of them.
    POOL_END,
    POOL_FREE,  # Host address of a decoded page given back, whose first word is the next one.
    RESULT,  # The value that a load read which went a special way.
    HANDLERS,  # Host address of the table of handlers.
    BANKS,  # Host address of bank 0.
    VICTIM,  # The bank to reuse next.
    PMP_OPEN,  # Bit 0: machine mode may access everything; bit 1: so may the others.
    PMP_EPOCH,  # Counts the changes of protection.
    PMP_COUNT,  # Active entries ...
    PMP_ENTRIES,  # ... of three words each: start, end, configuration.
    LOW,  # The part of the page last looked up where protection is the same:
    HIGH,  # offsets of its beginning and end.
    FRESH,  # Nonzero: return with Exit.PAGE when a page is decoded for the first time ...
    FRESH_PAGE,  # ... whose number in RAM is this.
    PHYSICAL,  # Where the last access that was not to RAM went.
    UART_ROOM,  # Bytes that may be transmitted before Python has to look, and those so far ...
    UART_COUNT,
    UART_OUTPUT,  # ... which are at this host address.
    FILE_HOST,  # Host address of the item that fw_cfg's data register reads,
    FILE_POSITION,  # the offset of its next byte,
    FILE_BYTES,  # and how many there are.
    ALONE,  # Nonzero if there is one hart: the interrupt controller has its lines alone then.
    TURNS,  # Host address of the harts whose turn it is not (`turn_words.py`); 0 if there are none.
    REGIONS,  # Host address of where devices answer, and how many regions there are:
    REGION_COUNT,  # three words each, the first address, the length, the sizes of accesses.
    RTC_EPOCH,  # When the machine was switched on, in ns since 1970.
    FUSED_UNIT,  # Nonzero if the host has a unit for fused sums.
    # Words of an observer; see `native/stops.py`.
    REPORTS,  # Nonzero: leave traps and interrupts to Python, which reports them.
    STOPS,  # Host address of where to stop, and how many words there are.
    STOP_COUNT,
    STOP_PAGES,  # Host address of the pages that these are in, and how many there are:
    STOP_PAGE_COUNT,  # two words each, the virtual page and the page of RAM that Python knows.
    STOP_PLACES,  # Host address of where in RAM these have been found, and how many there are.
    STOP_PLACE_COUNT,
    WATCHES,  # Host address of the data to watch, and how much there is:
    WATCH_COUNT,  # three words each, first and last address and the accesses, as in `observe.py`.
) = range(STATE_WORDS, STATE_WORDS + 50)

# Two words for each bank: mode and satp.
KEYS: Final = WATCH_COUNT + 1
BANK_COUNT: Final = 8
# An observer's: a bit for each offset of a page, set if a translated block that begins there has a
# stop.  One table for all pages: a block that has none is interpreted if another page's has.
STOP_BITS: Final = KEYS + 2 * BANK_COUNT
STOP_BIT_WORDS: Final = 32
# The interrupt controller's words: see `device/plic.py`.
PLIC: Final = STOP_BITS + STOP_BIT_WORDS
# Words of the other devices, in the order in which these name them; virtio's slot by slot.
UART: Final = PLIC + PLIC_WORDS
RTC: Final = UART + UART_WORDS
VIRTIO: Final = RTC + RTC_WORDS
STATE_BYTES: Final = 8 * (VIRTIO + VIRTIO_SLOTS * VIRTIO_WORDS)

# A key's mode word that belongs to no context.
NO_CONTEXT: Final = (1 << 64) - 1
NO_TAG: Final = (1 << 64) - 1

TLB_ENTRIES: Final = 256
WINDOWS_BYTES: Final = 64  # A load window and a store window.
STORE_WINDOW: Final = 32
WINDOW_ADDEND: Final = 8
WINDOW_BOUNDS: Final = 16
FETCH_TLB: Final = TLB_ENTRIES * WINDOWS_BYTES
FETCH_ENTRY_BYTES: Final = 16
BANK_BYTES: Final = FETCH_TLB + TLB_ENTRIES * FETCH_ENTRY_BYTES

RECORD_BYTES: Final = 64
RECORD_CODE, RECORD_TABLES, RECORD_REGIONS, RECORD_STORE = 8, 16, 24, 32
LINE_SHIFT: Final = 6

SLOT_BYTES: Final = 16
SLOT_RD, SLOT_RS1, SLOT_RS2, SLOT_COVERED, SLOT_IMM = 8, 9, 10, 11, 12
# In the byte at SLOT_COVERED.
COVERED: Final = 1
KIND_SHIFT: Final = 1
KINDS: Final = 64
JOINED: Final = 128
PAGE_SLOTS: Final = 2048
TAIL_RAM: Final = (PAGE_SLOTS + 2) * SLOT_BYTES
TAIL_WORD: Final = TAIL_RAM + 8
TAIL_HANDLER: Final = TAIL_RAM + 16
TAIL_RECORD: Final = TAIL_RAM + 24
TAIL_GUARD: Final = TAIL_RAM + 32
DECODED_PAGE_BYTES: Final = (TAIL_RAM + 40 + 63) // 64 * 64

# In FRESH: announce also pages that protection divides, and those about to be decoded anew.
FRESH_ALWAYS: Final = 2

# In the table of handlers: that of an undecoded slot, then those of conditional branches, then
# their twins that note which way a branch went, in the same order.
UNDECODED: Final = 0
BRANCHES: Final = 1
BRANCH_COUNT: Final = 16
NOTING_BRANCHES: Final = BRANCHES + BRANCH_COUNT

# A branch writes no register, so its slot has SINK for one.  Its twin adds these; no register has
# the sums for a number.
WENT_ON: Final = 1
WENT_AWAY: Final = 2

# ACCESS_SHAPE: the length of the instruction, and what else matters of it.
SHAPE_LENGTH: Final = 7
SHAPE_SIGNED: Final = 8
SHAPE_ATOMIC: Final = 16
SHAPE_BOXED: Final = 32

# Console output that waits in memory while generated code runs.
UART_OUTPUT_BYTES: Final = 4096

# 4 MiB of live code; when it is used up, everything is decoded anew.
POOL_PAGES: Final = 1024


class Exit(IntEnum):
    """The reason why generated code returned."""

    BUDGET = 0  # No steps left.
    SLOW = 1  # The reference has to execute the instruction at pc.
    POOL = 2  # No decoded page left.
    PAGE = 3  # A page is about to be executed for the first time.
    REGION = 4  # The instruction at pc is about to store to what was translated.
    TRAP = 5  # A trap was entered, and the chain of traps has become long.
    STOPS = 6  # A page with a stop is about to be executed where Python has not seen it yet.
    ATTEND = 7  # An interrupt may be due, which Python has to report.
    LOAD = 8  # The instruction at pc loads from a device, into the register in RESULT.
    STORE = 9  # The instruction at pc stores what is in RESULT to a device.
    WAIT = 10  # The hart waits for an interrupt, and no other one has the turn yet.


# The digest of the instruction table, this layout and the generators' version.  The build writes it
# into the code that it makes, and an engine refuses code that has another one.  `table.py` computes
# it; it stands here as a literal because computing it at each start would make a start a tenth
# longer.  While it is wrong, the build stops and `table_test.py` fails; both print the right value.
MADE_FROM: Final = bytes.fromhex("4bfadb1abaa607b79c27ef5e1711698ead91c81e5fd76e57896e3e5c194326a2")
