"""A node's secret key in a file that no other user can read.

    device_id = "host-1"
    secret_key = "64 hexadecimal digits"

A file that others may read or write is refused, like an SSH key: a secret that may have been seen
identifies no node.  What is wrong with the content is said without repeating it.
"""

from __future__ import annotations

import os
import stat
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from nexus.contract import announce
from nexus.core.errors import NexusError
from nexus.dsoftbus.transitions import DEVICE_ID_BYTES_MAX

KEY_BYTES: Final = announce.KEY_BYTES

# Two short lines; anything longer is some other file.
_FILE_BYTES_MAX: Final = 512


class KeyFileError(NexusError):
    """A key file that cannot be used; the text names the file and what to do."""


@dataclass(frozen=True, slots=True)
class NodeKey:
    """A device id and its X25519 key pair."""

    device_id: str
    secret: bytes = field(repr=False)

    @property
    def public(self) -> bytes:
        """The public key, which peers pin."""
        return X25519PrivateKey.from_private_bytes(self.secret).public_key().public_bytes_raw()


def make_key(device_id: str) -> NodeKey:
    """Make a new key from the system's entropy."""
    _check_id(device_id)
    return NodeKey(device_id, os.urandom(KEY_BYTES))


def write_key(path: Path, key: NodeKey) -> None:
    """Write a new file, readable by its owner only; an existing file is never replaced."""
    text = f'device_id = "{key.device_id}"\nsecret_key = "{key.secret.hex()}"\n'
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError as exc:
        raise KeyFileError(f"{path} exists; a key is never replaced, remove it first") from exc
    except OSError as exc:
        raise KeyFileError(f"{path}: {exc.strerror}") from exc
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def read_key(path: Path) -> NodeKey:
    """Read a key file.

    Raises:
        KeyFileError: missing, open to others, or not a key; correct what the text names.
    """
    try:
        # The permissions that are checked are those of the file that is read.  Not blocking:
        # a pipe by this name would otherwise hold us for ever.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path, flags)
    except OSError as exc:
        raise KeyFileError(f"{path}: {exc.strerror}; `nexus bus keygen` makes one") from exc
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise KeyFileError(f"{path} is not a regular file; `nexus bus keygen` makes one")
        if status.st_uid not in (os.geteuid(), 0):
            raise KeyFileError(
                f"{path} belongs to user {status.st_uid}; expected a file of this user or of root"
            )
        if status.st_mode & 0o077:
            mode = stat.S_IMODE(status.st_mode)
            raise KeyFileError(f"{path} has mode {mode:04o}; expected 0600: chmod 600 {path}")
        content = os.read(descriptor, _FILE_BYTES_MAX + 1)
    finally:
        os.close(descriptor)
    return _parse(path, content)


def _parse(path: Path, content: bytes) -> NodeKey:
    if len(content) > _FILE_BYTES_MAX:
        # Before it is read as anything: its end may have been cut off anywhere.
        raise KeyFileError(
            f"{path} is longer than {_FILE_BYTES_MAX} bytes; expected a key file, as "
            "`nexus bus keygen` makes it"
        )
    try:
        table = tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        # The parser's own message would quote the file, hence no cause either.
        raise KeyFileError(
            f"{path} is not TOML; expected a key file, as `nexus bus keygen` makes it"
        ) from None
    device_id, secret = table.get("device_id"), table.get("secret_key")
    if set(table) != {"device_id", "secret_key"}:
        raise KeyFileError(f"{path}: expected exactly device_id and secret_key")
    if not isinstance(device_id, str) or not isinstance(secret, str):
        raise KeyFileError(f"{path}: expected strings as device_id and secret_key")
    try:
        octets = bytes.fromhex(secret)
    except ValueError:
        octets = b""
    if len(octets) != KEY_BYTES:
        raise KeyFileError(f"{path}: secret_key: expected {2 * KEY_BYTES} hexadecimal digits")
    _check_id(device_id)
    return NodeKey(device_id, octets)


def _check_id(device_id: str) -> None:
    octets = device_id.encode(errors="surrogateescape")
    is_plain = all(0x21 <= byte <= 0x7E and byte not in b'"\\' for byte in octets)
    if not 1 <= len(octets) <= DEVICE_ID_BYTES_MAX or not is_plain:
        raise KeyFileError(
            f"device_id: {device_id!r}; expected 1..{DEVICE_ID_BYTES_MAX} visible ASCII"
            " characters without quotes and backslashes"
        )
