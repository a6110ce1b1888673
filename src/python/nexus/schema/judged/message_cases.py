"""Bad messages, each with its name: one table for our Python, our zig and pycapnp.

Words are given as they stand in the segment.  `theirs` says whether pycapnp can read the message,
which then breaks a rule of ours alone: see the head of `message.zig`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Case:
    """One message; `table` stands in front of it, by default the right one."""

    name: str
    kind: str
    words: tuple[int, ...]
    theirs: bool = False
    table: tuple[int, int] | None = None
    tail: bytes = b""

    def message(self) -> bytes:
        """Return its bytes."""
        first, second = self.table or (0, len(self.words))
        body = b"".join(word.to_bytes(8, "little") for word in self.words)
        return first.to_bytes(4, "little") + second.to_bytes(4, "little") + body + self.tail


def struct(offset: int, data_words: int, pointers: int) -> int:
    """A pointer to a struct."""
    return (offset & 0x3FFF_FFFF) << 2 | data_words << 32 | pointers << 48


def items(offset: int, size: int, count: int) -> int:
    """A pointer to a list, of items of a size: 2 bytes, 5 words, 6 pointers, 7 structs."""
    return (offset & 0x3FFF_FFFF) << 2 | 1 | size << 32 | count << 35


def text(letters: bytes) -> int:
    """One word of text."""
    return int.from_bytes(letters.ljust(8, b"\0"), "little")


FAR: Final = 2
CAPABILITY: Final = 3
NAME: Final = "samgr.ResolveStatusParams"  # A struct of one pointer, to a text.
ROOT: Final = struct(0, 0, 1)
KEYS: Final = "state.ListResults"  # A word of data, and a pointer to at most 64 texts.
RECORDS: Final = "log.QueryResults"  # Three words, and a pointer to at most 64 structs of 3 and 3.

CASES: Final[tuple[Case, ...]] = (
    Case("no-table", NAME, (), table=(0, 0)),
    Case("no-root", NAME, (), table=(0, 1)),
    Case("shorter-than-its-table", NAME, (ROOT,), table=(0, 2)),
    Case("longer-than-its-table", NAME, (ROOT, 0, 0), theirs=True, table=(0, 2)),
    Case("a-part-of-a-word", NAME, (ROOT, 0), tail=b"\0\0\0"),
    Case("two-segments", NAME, (ROOT, 0), table=(1, 2)),
    Case("more-words-than-a-message-has", NAME, (ROOT, *[0] * 256), theirs=True),
    Case("root-out-of-bounds", NAME, (struct(1, 0, 1), 0)),
    Case("root-before-the-segment", NAME, (struct(-2, 0, 1), 0)),
    Case("root-is-a-list", NAME, (items(0, 2, 1), 0)),
    Case("root-is-far", NAME, (FAR | 1 << 3, ROOT, 0), theirs=True),
    Case("root-is-a-capability", NAME, (CAPABILITY,)),
    Case("root-has-more-than-there-is", NAME, (struct(0, 0, 2), 0)),
    Case("text-out-of-bounds", NAME, (ROOT, items(0, 2, 9), text(b"logd"))),
    Case("text-before-the-segment", NAME, (ROOT, items(-3, 2, 5), text(b"logd"))),
    Case("text-without-its-zero", NAME, (ROOT, items(0, 2, 4), text(b"logd"))),
    Case("text-of-no-bytes", NAME, (ROOT, items(0, 2, 0))),
    Case("text-is-not-utf-8", NAME, (ROOT, items(0, 2, 3), text(b"\xff\xfe"))),
    Case("text-of-a-surrogate", NAME, (ROOT, items(0, 2, 4), text(b"\xed\xa0\x80"))),
    Case("text-in-more-bytes-than-it-needs", NAME, (ROOT, items(0, 2, 3), text(b"\xc0\xaf"))),
    Case("text-longer-than-the-schema-says", "log.Record",
         (struct(0, 4, 3), 0, 0, 0, 0, items(2, 2, 66), 0, 0, *[text(b"a" * 8)] * 8,
          text(b"a")), theirs=True),
    Case("text-is-a-struct", NAME, (ROOT, struct(0, 1, 0), text(b"logd"))),
    Case("text-of-words", NAME, (ROOT, items(0, 5, 1), text(b"logd"))),
    Case("text-is-far", NAME, (ROOT, FAR | 2 << 3, items(0, 2, 5), text(b"logd")), theirs=True),
    Case("text-is-a-capability", NAME, (ROOT, CAPABILITY)),
    Case("text-of-all-the-world", NAME, (ROOT, items(0, 2, 0x1FFF_FFFF), text(b"logd"))),
    Case("keys-that-are-bytes", KEYS, (struct(0, 1, 1), 0, items(0, 2, 8), 0)),
    Case("keys-that-are-bits", KEYS, (struct(0, 1, 1), 0, items(0, 1, 8), 0)),
    Case("more-keys-than-the-schema-says", KEYS,
         (struct(0, 1, 1), 0, items(0, 6, 65), *[0] * 65), theirs=True),
    Case("keys-out-of-bounds", KEYS, (struct(0, 1, 1), 0, items(0, 6, 2), 0)),
    Case("one-long-text-as-many-keys", KEYS,
         (struct(0, 1, 1), 0, items(0, 6, 40),
          *[items(39 - i, 2, 89) for i in range(40)], *[text(b"a" * 8)] * 11, text(b"a"))),
    Case("records-that-are-words", RECORDS,
         (struct(0, 3, 1), 0, 0, 0, items(0, 5, 1), 0), theirs=True),
    Case("records-whose-tag-is-a-list", RECORDS,
         (struct(0, 3, 1), 0, 0, 0, items(0, 7, 6), items(1, 2, 0), *[0] * 6)),
    Case("records-with-more-than-their-words", RECORDS,
         (struct(0, 3, 1), 0, 0, 0, items(0, 7, 6), struct(2, 3, 3), *[0] * 6)),
    Case("records-without-a-tag", RECORDS, (struct(0, 3, 1), 0, 0, 0, items(0, 7, 0))),
    Case("a-thousand-million-records-of-no-size", RECORDS,
         (struct(0, 3, 1), 0, 0, 0, items(0, 7, 0), struct(0x3FFF_FFFF, 0, 0))),
    Case("records-that-hold-themselves", RECORDS,
         (struct(0, 3, 1), 0, 0, 0, items(0, 7, 6), struct(1, 3, 3), 0, 2, 0,
          items(-5, 7, 6), 0, 0)),
    Case("a-level-that-there-is-not", RECORDS,
         (struct(0, 3, 1), 0, 0, 0, items(0, 7, 6), struct(1, 3, 3), 0, 0, 5, 0, 0, 0),
         theirs=True),
    Case("a-member-of-a-union-that-there-is-not", "rpc.Answer",
         (struct(0, 2, 1), 0, 2, 0)),
)  # fmt: skip

# Messages of a later version, or of an odd writer, and well-formed.
GOOD: Final[tuple[Case, ...]] = (
    Case("nothing-at-all", NAME, (0,)),
    Case("no-name", NAME, (ROOT, 0)),
    Case("a-root-without-fields", NAME, (0xFFFF_FFFC,)),
    Case("more-fields-than-known", NAME, (struct(0, 1, 2), 9, items(1, 2, 5), 0, text(b"logd"))),
    Case("fewer-fields-than-known", RECORDS, (struct(0, 1, 0), 1)),
    Case("a-status-of-a-later-version", KEYS, (struct(0, 1, 1), 99, 0)),
    Case("two-keys-in-the-same-bytes", KEYS,
         (struct(0, 1, 1), 0, items(0, 6, 2), items(1, 2, 5), items(0, 2, 5), text(b"logd"))),
    Case("text-behind-its-pointer", NAME,
         (struct(1, 0, 1), text(b"logd"), items(-2, 2, 5))),
    Case("text-with-a-zero-inside", NAME, (ROOT, items(0, 2, 4), text(b"a\0b"))),
    Case("records-of-an-earlier-version", RECORDS,
         (struct(0, 3, 1), 0, 0, 0, items(0, 7, 1), struct(1, 1, 0), 7)),
)  # fmt: skip
