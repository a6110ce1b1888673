"""Static keys of a node, and how none of them ever reaches a message or a log.

Keys derived from a seed name are for test worlds: a reader of the name knows the secret.

    secret = clamp(BLAKE2s-256("nexus test key" || seed name)), an X25519 private key
"""

from __future__ import annotations

import re
from hashlib import blake2s
from typing import Annotated, Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from pydantic import Discriminator, PrivateAttr, SecretBytes, Tag

from nexus.config.fields import KeyHex, Line, Model, SeedName
from nexus.contract import announce

KEY_BYTES: Final = announce.KEY_BYTES
_TEST_KEY_DOMAIN: Final = b"nexus test key"
_FILE_FORM: Final = re.compile(rb"[0-9a-fA-F]{64}\n?")


def derive_test_secret(seed_name: str) -> bytes:
    """Derive a static secret that is not a secret, for test worlds only."""
    return clamp(blake2s(_TEST_KEY_DOMAIN + seed_name.encode()).digest())


def clamp(secret: bytes) -> bytes:
    """Fix the bits that X25519 fixes anyway, so that the stored form is the used form."""
    assert len(secret) == KEY_BYTES, f"{len(secret)} bytes"
    first, last = secret[0] & 0xF8, (secret[31] & 0x7F) | 0x40
    return bytes([first]) + secret[1:31] + bytes([last])


def public_key_of(secret: bytes) -> bytes:
    """Compute the X25519 public key of a secret."""
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def is_usable_public_key(key: bytes) -> bool:
    """Say whether a Diffie-Hellman with this key can give anything but zero."""
    probe = X25519PrivateKey.from_private_bytes(derive_test_secret("probe"))
    try:
        probe.exchange(X25519PublicKey.from_public_bytes(key))
    except ValueError:
        return False
    return True


class TestSeedKey(Model):
    """A key derived from a name: for test worlds only."""

    __test__ = False  # Not a test class, whatever its name begins with.

    test_seed: SeedName

    def secret(self) -> bytes:
        """Return the private key."""
        return derive_test_secret(self.test_seed)

    def public(self) -> bytes:
        """Return the public key."""
        return public_key_of(self.secret())


class FileKey(Model):
    """A static key kept in a file of its own: 64 hexadecimal digits, readable by its owner only.

    The content is read by `nexus.config.load` and stays out of every printed form.
    """

    file: Line
    _content: SecretBytes | None = PrivateAttr(default=None)

    @property
    def is_read(self) -> bool:
        """Whether the content is there."""
        return self._content is not None

    def secret(self) -> bytes:
        """Return the private key, once the file was read."""
        if self._content is None:
            raise RuntimeError(f"{self.file}: not read; use nexus.config.load.load_node")
        return self._content.get_secret_value()

    def public(self) -> bytes:
        """Return the public key of it."""
        return public_key_of(self.secret())

    def take_content(self, content: bytes) -> None:
        """Accept the file's content.

        Raises:
            ValueError: the content is not a key; it is not part of the message.
        """
        if _FILE_FORM.fullmatch(content) is None:
            raise ValueError("expected 64 hexadecimal digits and a line end")
        self._content = SecretBytes(clamp(bytes.fromhex(content.decode().strip())))


def _kind_of_public_key(value: object) -> str:
    return "hex" if isinstance(value, str) else "test"


def _kind_of_static_key(value: object) -> str:
    held = value if isinstance(value, dict) else {}
    return "file" if "file" in held or isinstance(value, FileKey) else "test"


StaticKey = Annotated[
    Annotated[TestSeedKey, Tag("test")] | Annotated[FileKey, Tag("file")],
    Discriminator(_kind_of_static_key),
]
PublicKey = Annotated[
    Annotated[KeyHex, Tag("hex")] | Annotated[TestSeedKey, Tag("test")],
    Discriminator(_kind_of_public_key),
]


def public_bytes(key: KeyHex | TestSeedKey) -> bytes:
    """Return the 32 bytes of a pinned key, however it is written."""
    return bytes.fromhex(key) if isinstance(key, str) else key.public()
