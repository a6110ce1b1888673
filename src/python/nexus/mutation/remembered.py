"""Measurements of tests, kept in a folder from one run to the next.

A file of tests is measured again when it is another, or something that it imports is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from nexus.mutation.graph import distances
from nexus.mutation.job import Answer

# The inputs of an answer besides its imports: the program that measures, and pytest's settings.
_ALWAYS: Final = (
    "pytest.ini",
    "src/python/nexus/conftest.py",
    "src/python/nexus/mutation/judge.py",
)


class Remembered:
    """A folder with an answer of the judge for each file of tests."""

    def __init__(
        self, folder: Path, files: Mapping[str, str], imported_by: Mapping[str, set[str]]
    ) -> None:
        """Look among these files, by what imports each; the folder may be missing."""
        self._folder = folder
        self._files = files
        self._imports: dict[str, set[str]] = {}
        for path, others in imported_by.items():
            for other in others:
                self._imports.setdefault(other, set()).add(path)

    def find(self, test: str) -> Answer | None:
        """Return the answer for a file of tests as it is now; None if there is none."""
        try:
            # The name of the file has a digest in it: what can be read was written by `keep`.
            answer: Answer = json.loads(self._path(test).read_text(encoding="utf-8"))
            return answer
        except (OSError, ValueError):
            return None

    def keep(self, test: str, answer: Answer) -> None:
        """Keep an answer in the place of older ones."""
        path = self._path(test)
        self._folder.mkdir(parents=True, exist_ok=True)
        for old in self._folder.glob(f"{_digest(test)}-*"):
            old.unlink(missing_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(answer), encoding="utf-8")
        partial.replace(path)

    def _path(self, test: str) -> Path:
        reached = distances([test, *_ALWAYS], self._imports)
        texts = (f"{path}\0{self._files.get(path, '')}" for path in sorted(reached))
        return self._folder / f"{_digest(test)}-{_digest(chr(0).join(texts))}.json"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:20]
