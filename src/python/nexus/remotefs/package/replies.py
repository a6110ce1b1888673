"""From what a peer answers to values, or to the one error of a package client."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nexus.contract.gateway import Service
from nexus.remotefs.package.path import FolderError, PackageError
from nexus.wire.error import RemoteProtocolError
from nexus.wire.packagefs import (
    CloseReply,
    OpenReply,
    ReadReply,
    Reply,
    StatReply,
    Status,
    decode_reply,
)

# Number of the service behind a gateway.
SERVICE: Final = Service.PACKAGEFSD

# As many as a peer's token bucket admits at once by default, and as a file of 4 KiB has blocks.
OUTSTANDING_MAX: Final = 32

CONTENTS: Final = "contents.txt"


def decode(frame: bytes, what: str) -> Reply:
    """Read a reply.

    Raises:
        PackageError: the peer refuses, fails, or says what the protocol does not allow.
    """
    try:
        reply = decode_reply(frame)
    except RemoteProtocolError as exc:
        raise PackageError(Status.IO, f"{what}: the peer answered {exc}") from exc
    if reply.status is not Status.OK:
        raise PackageError(reply.status, what)
    return reply


def size_of(frame: bytes, name: str) -> int:
    """Read the answer to STAT."""
    reply = decode(frame, name)
    if not isinstance(reply, StatReply):
        raise _mismatch(reply, name)
    if reply.kind:
        raise FolderError(name)
    return reply.size


def handle_of(frame: bytes, name: str) -> int:
    """Read the answer to OPEN."""
    reply = decode(frame, name)
    if not isinstance(reply, OpenReply):
        raise _mismatch(reply, name)
    return reply.handle


def data_of(frame: bytes, name: str) -> bytes:
    """Read the answer to READ."""
    reply = decode(frame, name)
    if not isinstance(reply, ReadReply):
        raise _mismatch(reply, name)
    return reply.data


def check_closed(frame: bytes, name: str) -> None:
    """Read the answer to CLOSE."""
    reply = decode(frame, name)
    if not isinstance(reply, CloseReply):
        raise _mismatch(reply, name)


@dataclass(frozen=True, slots=True)
class Listed:
    """A file as the listing of its bundle has it."""

    path: str
    size: int
    sha256: str


def parse_contents(text: bytes, name: str) -> Iterator[Listed]:
    """Read a bundle's listing: a line `<sha256> <size> <path>` for every other file.

    Raises:
        PackageError: it is not a listing.
    """
    try:
        # A path may hold every other line end that Unicode knows.
        for line in text.decode().removesuffix("\n").split("\n") if text else ():
            digest, size, path = line.split(" ", 2)
            if len(bytes.fromhex(digest)) != 32 or not (size.isascii() and size.isdigit()):
                raise ValueError
            yield Listed(path, int(size), digest)
    except ValueError as exc:
        raise PackageError(Status.IO, f"{name} is not a listing of a bundle") from exc


def _mismatch(reply: Reply, name: str) -> PackageError:
    return PackageError(Status.IO, f"{name}: the peer answered with {type(reply).__name__}")
