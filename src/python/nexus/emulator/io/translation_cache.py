"""A folder of translated pages, found by content: what one run finds hot, the next has translated.

    FOLDER/NAME/KK/KEY      the translation of one page, a file of `native/translation.py`
    FOLDER/NAME/work-N      pages that wait for a translator: 2 bytes where, 4096 bytes

NAME says what a translation depends on besides the page, so versions share a folder.  Files appear
whole, by renaming; several runs and translators may use a folder at the same time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nexus.emulator.memory import PAGE_BYTES
from nexus.emulator.native.blob import BlobError
from nexus.emulator.native.translation import Found, Translations, key_of, translator_digest

# A page takes about a second of one processor; a run leaves no more than a minute of work.
PAGES_MAX: Final = 64
# How many pages are watched: a guest that writes code anew all the time must not grow the host.
_WATCHED_MAX: Final = 1024

Piece = tuple[bytes, int]  # A page and the offset of an instruction that was executed.


def name_for(compiler: str) -> str:
    """The folder of translations that this version and this compiler make."""
    return hashlib.sha256(translator_digest() + compiler.encode()).hexdigest()[:16]


def path_of(folder: Path, content: bytes) -> Path:
    """Where a page's translation is, within the folder of its version."""
    key = key_of(content).hex()
    return folder / key[:2] / key


class TranslationCache:
    """Finds translations in a folder, and remembers which hot pages have none there."""

    def __init__(self, folder: Path, compiler: str) -> None:
        """Use a folder, which need not exist yet."""
        self.folder = folder / name_for(compiler)
        self._compiler = compiler
        self._files: list[Translations] = []  # Machines run what is mapped by them.
        self._translated: set[bytes] = set()  # Keys of pages; only asked for, never listed.
        self._samples: Counter[bytes] = Counter()
        self._offsets: dict[bytes, int] = {}

    def find(self, content: bytes) -> Sequence[Found]:
        """The translation of a page; nothing if there is none, or it is damaged."""
        found: Sequence[Found] = ()
        with contextlib.suppress(OSError, BlobError):
            file = Translations(path_of(self.folder, content).read_bytes(), self._compiler)
            found = file.find(content)
            self._files.append(file)
        if found:
            self._translated.add(key_of(content))
        return found

    def sample(self, content: bytes, offset: int) -> None:
        """A slice ended here."""
        if content not in self._samples:
            if len(self._samples) == _WATCHED_MAX or key_of(content) in self._translated:
                return
            self._offsets[content] = offset
        self._samples[content] += 1

    def missing(self) -> list[Piece]:
        """The hottest pages without a translation, the hottest first."""
        hottest = self._samples.most_common(PAGES_MAX)
        return [(content, self._offsets[content]) for content, _ in hottest]

    def write_work(self) -> Path | None:
        """Write the missing pages into a file for a translator; None if none are.

        Raises:
            OSError: The folder cannot be written.
        """
        pieces = self.missing()
        if not pieces:
            return None
        self.folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix="work-", dir=self.folder)
        with os.fdopen(handle, "wb") as file:
            for content, offset in pieces:
                file.write(offset.to_bytes(2, "little") + content)
        return Path(name)


def read_work(path: Path) -> list[Piece]:
    """The pages of a work file, without a torn last one."""
    data = path.read_bytes()
    size = 2 + PAGE_BYTES
    return [
        (data[at + 2 : at + size], int.from_bytes(data[at : at + 2], "little"))
        for at in range(0, len(data) - size + 1, size)
    ]
