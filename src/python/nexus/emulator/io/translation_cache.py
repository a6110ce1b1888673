"""A folder of translated pages, found by content: what one run finds hot, the next has translated.

    FOLDER/NAME/KK/KEY      the translation of one page, a file of `native/translation.py`
    FOLDER/NAME/work-N      pages that wait for a translator: 2 bytes where, 4096 bytes
    FOLDER/NAME/lock        held by the one translator that may work

NAME says what a translation depends on besides the page, so versions share a folder.  Files appear
whole, by renaming; several runs may use a folder at the same time.  What was not used for longest
goes when there is too much.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

from nexus.emulator.memory import PAGE_BYTES
from nexus.emulator.native.blob import BlobError
from nexus.emulator.native.processor import host
from nexus.emulator.native.translation import Found, Translations, key_of, translator_digest

# A page takes about a second of one processor; a run leaves no more than a minute of work.
PAGES_MAX: Final = 64
# A page is hot if at least this part of all slices ended in it.
_HOT_PART: Final = 200
# Some 2500 pages, as many as ten kernels have.
FOLDER_BYTES_MAX: Final = 256 << 20
# How many pages are watched: a guest that writes code anew all the time must not grow the host.
_WATCHED_MAX: Final = 1024
# NAME/KK/KEY, as `path_of` makes it, perhaps with the number of the process that is writing it.
_PAGE_FILE: Final = r"[0-9a-f]{16}/([0-9a-f]{2})/\1[0-9a-f]{30}(\.[0-9]+)?"

Piece = tuple[bytes, int]  # A page and the offset of an instruction that was executed.


def name_for(compiler: str) -> str:
    """The folder of translations that this version and this compiler make for this processor."""
    from hashlib import sha256  # Loads OpenSSL: 2 ms.

    processor = host()
    depends = f"{compiler} {processor.name if processor else ''}"
    return sha256(translator_digest() + depends.encode()).hexdigest()[:16]


def path_of(folder: Path, content: bytes) -> Path:
    """Return the path of a page's translation, within the folder of its version."""
    key = key_of(content).hex()
    return folder / key[:2] / key


class TranslationCache:
    """Finds translations in a folder, and remembers which hot pages have none there."""

    def __init__(self, folder: Path, compiler: str) -> None:
        """Use a folder, which need not exist yet."""
        self._above = folder
        self._compiler = compiler
        self._files: list[Translations] = []  # Machines run what is mapped by them.
        self._translated: set[bytes] = set()  # Keys of pages; only asked for, never listed.
        self.slices = 0  # How many ended in code that has no translation.
        self._samples: Counter[bytes] = Counter()
        self._offsets: dict[bytes, int] = {}

    @cached_property
    def folder(self) -> Path:
        """The folder of this version's translations."""
        return self._above / name_for(self._compiler)

    def find(self, content: bytes) -> Sequence[Found]:
        """The translation of a page; nothing if there is none, or it is damaged."""
        found: Sequence[Found] = ()
        if not self._above.is_dir():
            return found  # Nothing was ever translated here, so that nothing need be hashed.
        with contextlib.suppress(OSError, BlobError):
            path = path_of(self.folder, content)
            file = Translations(path.read_bytes(), self._compiler)
            found = file.find(content)
            self._files.append(file)
            os.utime(path)
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
        self.slices += 1

    def missing(self) -> list[Piece]:
        """The hottest pages without a translation, the hottest first."""
        least = self.slices // _HOT_PART
        hottest = self._samples.most_common(PAGES_MAX)
        return [(content, self._offsets[content]) for content, times in hottest if times >= least]

    def write_work(self) -> Path | None:
        """Write the missing pages into a file for a translator; None if none are.

        Raises:
            OSError: The folder cannot be written.
        """
        import tempfile

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


def trim(folder: Path, bytes_max: int = FOLDER_BYTES_MAX) -> None:
    """Remove the translations that were not used for longest until the rest is small enough.

    Those of other versions count too: nothing else removes them.  Files of any other name are not
    ours: a user may have named a folder that holds more than translations.
    """
    import re

    found = []
    for path in folder.glob("*/*/*"):
        if not re.fullmatch(_PAGE_FILE, path.relative_to(folder).as_posix()):
            continue
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            found.append((status.st_mtime_ns, str(path), status.st_size))
    excess = sum(size for _, _, size in found) - bytes_max
    for _, name, size in sorted(found):
        if excess <= 0:
            break
        excess -= size
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
