"""The ciphers of DSoftBus without the bus: the time that no session could do without.

Every function does its work once and returns its processor time.
"""

from __future__ import annotations

import os
import time
from typing import Protocol

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from noise.connection import Keypair, NoiseConnection

from nexus.bench.dsoftbus_measure import BULK_BYTES, HANDSHAKES, KEY_A, KEY_B, PIECE_BYTES
from nexus.dsoftbus.io.keyfile import NodeKey
from nexus.dsoftbus.noise import PROTOCOL_NAME
from nexus.dsoftbus.session import PROLOGUE


class _Handshake(Protocol):
    """The part of noiseprotocol's connections that is used here; the library has no types."""

    def write_message(self, payload: bytes) -> bytes:
        """Make the next message."""
        ...

    def read_message(self, message: bytes) -> bytes:
        """Take the peer's next message; return its payload."""
        ...


def seal_and_open() -> float:
    """Encrypt and decrypt the bulk, and nothing else."""
    key, piece = ChaCha20Poly1305(os.urandom(32)), os.urandom(PIECE_BYTES)
    begun_s = time.process_time()
    for number in range(BULK_BYTES // PIECE_BYTES):
        nonce = number.to_bytes(12, "little")
        key.decrypt(nonce, key.encrypt(nonce, piece, b""), b"")
    return time.process_time() - begun_s


def noise_handshakes() -> float:
    """Run handshakes with the library alone."""
    begun_s = time.process_time()
    for _ in range(HANDSHAKES):
        a = _noise(KEY_A, KEY_B.public)
        b = _noise(KEY_B, None)
        b.read_message(a.write_message(b""))
        a.read_message(b.write_message(b"bench-b"))
        b.read_message(a.write_message(b"bench-a"))
    return time.process_time() - begun_s


def _noise(key: NodeKey, remote: bytes | None) -> _Handshake:
    connection = NoiseConnection.from_name(PROTOCOL_NAME)
    connection.set_prologue(PROLOGUE)
    connection.set_keypair_from_private_bytes(Keypair.STATIC, key.secret)
    if remote is None:
        connection.set_as_responder()
    else:
        connection.set_as_initiator()
        connection.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, remote)
    connection.start_handshake()
    handshake: _Handshake = connection
    return handshake
