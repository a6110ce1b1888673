"""Folders as a bundle's listing shows them, for peers that can list nothing themselves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from nexus.remotefs.package.path import SCHEMES, PackageError, check_name
from nexus.remotefs.package.replies import Listed
from nexus.wire.package_stream import Entry
from nexus.wire.packagefs import Kind, Status


class Info(TypedDict):
    """A file or folder as `fsspec` describes one; `type` is `file` or `directory`."""

    name: str
    size: int
    type: str


def split_bundle(name: str) -> tuple[str, str]:
    """Split a name into its bundle, scheme included, and the path in it.

    Raises:
        PackageError: the name is none, or it names no bundle.
    """
    check_name(name)
    scheme = next(scheme for scheme in SCHEMES if name.startswith(scheme))
    bundle, _, inner = name.removeprefix(scheme).partition("/")
    return scheme + bundle, inner


def children(listed: Iterable[Listed], inner: str) -> list[Entry]:
    """Return what lies in a folder of a bundle, by name; empty if it is not a folder."""
    prefix = f"{inner}/" if inner else ""
    found: dict[str, Entry] = {}
    for file in listed:
        if not file.path.startswith(prefix):
            continue
        name, slash, _ = file.path.removeprefix(prefix).partition("/")
        if not name:
            continue  # No builder makes such a path, and no peer would find it.
        if not slash:
            found[name] = Entry(Kind.FILE, name, file.size)
        else:
            found.setdefault(name, Entry(Kind.FOLDER, name))
    return [found[name] for name in sorted(found)]


def entry_of(listed: Iterable[Listed], inner: str) -> Entry | None:
    """Return what a path in a bundle names; None if it names nothing."""
    listed = list(listed)
    for file in listed:
        if file.path == inner:
            return Entry(Kind.FILE, inner, file.size)
    return Entry(Kind.FOLDER, inner) if not inner or children(listed, inner) else None


def no_bundles(name: str) -> PackageError:
    """Return the refusal to list all bundles of a peer that cannot."""
    return PackageError(Status.BAD_REQUEST, f"{name}: this peer cannot list its bundles; name one")
