"""Finding a file by its name among the bundles of a node.

    bundle/path             the bundle's last version, in the order of bytes
    bundle@version/path     exactly that one
    bundle, bundle/folder   a folder

A file wins over a folder of the same name.  The tree holds values of any kind for the files.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Folder:
    """A name below which files lie."""


FOLDER = Folder()


class Tree(Generic[T]):
    """The files of all bundles.  It does not change."""

    def __init__(self, files: Iterable[tuple[str, str, str, T]]) -> None:
        """Take (bundle, version, path, value) of every file."""
        self._versions: dict[str, str] = {}
        self._files: dict[tuple[str, str, str], T] = {}
        self._folders: set[tuple[str, str, str]] = set()
        for bundle, version, path, value in files:
            last = self._versions.get(bundle, version)
            self._versions[bundle] = max(last, version, key=str.encode)
            self._files[bundle, version, path] = value
            self._folders.add((bundle, version, ""))
            parents = path.split("/")[:-1]
            for depth in range(len(parents)):
                self._folders.add((bundle, version, "/".join(parents[: depth + 1])))

    def find(self, name: str) -> T | Folder | None:
        """Return what a name without scheme leads to; None if it leads nowhere."""
        first, _, path = name.partition("/")
        bundle, at, version = first.partition("@")
        if not at:
            if bundle not in self._versions:
                return None
            version = self._versions[bundle]
        key = (bundle, version, path)
        if key in self._files:
            return self._files[key]
        return FOLDER if key in self._folders else None

    def children(self, name: str) -> list[tuple[str, T | Folder]] | None:
        """List a folder in the order of bytes; the empty name is that of all bundles.

        Returns:
            Names without their folder, `bundle@version` of bundles; None if it is not a folder.
        """
        if not name:
            bundles = sorted({(b, v) for b, v, _ in self._folders}, key=_as_bytes)
            return [(f"{bundle}@{version}", FOLDER) for bundle, version in bundles]
        if not isinstance(self.find(name), Folder):
            return None
        first, _, path = name.partition("/")
        bundle, at, version = first.partition("@")
        version = version if at else self._versions[bundle]
        prefix = f"{path}/" if path else ""
        found: dict[str, T | Folder] = {}
        for (its_bundle, its_version, inner), value in self._files.items():
            if (its_bundle, its_version) == (bundle, version) and inner.startswith(prefix):
                child, slash, _ = inner.removeprefix(prefix).partition("/")
                if not slash or child not in found:  # A file wins over a folder of its name.
                    found[child] = FOLDER if slash else value
        return sorted(found.items(), key=lambda item: item[0].encode())


def _as_bytes(pair: tuple[str, str]) -> tuple[bytes, bytes]:
    return pair[0].encode(), pair[1].encode()
