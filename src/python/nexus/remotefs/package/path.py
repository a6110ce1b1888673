"""The names of package files that a peer may ask for, and the reasons of refusals.

    pkg:/system/build.prop      /packages/system@1.0.0/build.prop

Rules of this file
------------------
1. A name begins `pkg:/` or `/packages/`, in exactly these letters.
2. What follows is split at `/`.  An empty segment, `.`, `..`, a backslash or NUL is refused, so
   that whatever the server does with the rest, it can only walk downwards.
3. Nothing is decoded or normalised: a `%2e` is a file name like any other.
"""

from __future__ import annotations

from typing import Final

from nexus.core.errors import NexusError
from nexus.wire.packagefs import PATH_BYTES_MAX, Status

SCHEMES: Final = ("pkg:/", "/packages/")


class PackageError(NexusError):
    """A call that failed, here or at the peer; `status` says what can be done about it."""

    def __init__(self, status: Status, detail: str) -> None:
        """Join the status and, for people, what was asked."""
        self.status = status
        super().__init__(f"{status.name}: {detail}")


class FolderError(PackageError):
    """A folder where a file is needed; the protocol says IO of it."""

    def __init__(self, name: str) -> None:
        """Name the folder."""
        super().__init__(Status.IO, f"{name}: is a folder")


def strip_scheme(path: str) -> str:
    """Check a name and return what stands behind its scheme.

    Raises:
        PackageError: the name is none of a package file; ask for another.
    """
    rest = next((path.removeprefix(s) for s in SCHEMES if path.startswith(s)), None)
    if rest is None:
        accepted = " or ".join(SCHEMES)
        raise PackageError(Status.NON_PACKAGEFS_SCHEME, f"{path!r}; expected {accepted}…")
    if not rest:
        raise PackageError(Status.OVERSIZED, f"{path!r} names nothing behind its scheme")
    if not all(is_segment(segment) for segment in rest.split("/")):
        raise PackageError(
            Status.PATH_TRAVERSAL, f"{path!r}; no segment may be empty, '.', '..' or hold '\\'"
        )
    return rest


def is_segment(segment: str) -> bool:
    """Say whether this may stand between two slashes."""
    return segment not in ("", ".", "..") and "\\" not in segment and "\0" not in segment


def check_name(path: str) -> str:
    """Check a name before it is sent, in the order in which the peer would; return it.

    Raises:
        PackageError: the peer would refuse it.
    """
    length = len(path.encode(errors="replace"))
    if not 1 <= length <= PATH_BYTES_MAX:
        raise PackageError(
            Status.OVERSIZED, f"name of {length} bytes; expected 1..{PATH_BYTES_MAX}"
        )
    strip_scheme(path)
    return path
