"""`Noise_XK_25519_ChaChaPoly_BLAKE2s` (revision 34) over the noiseprotocol library.

    <- s                     the initiator knows the responder's static key beforehand
    -> e, es                 message 1
    <- e, ee                 message 2
    -> s, se                 message 3; both sides split

The only module that imports the library, and the place where its sharp edges are taken off:

1. Whose turn it is is checked before the library is called; it flips the turn before the work.
2. A peer's message that fails ends the handshake: the state is poisoned, since the library has
   already mixed part of it in.  A local mistake (turn, length) changes nothing.
3. Limits count the tag: a Noise message is at most 65535 bytes, tags included.
4. Whatever the library or its backend raises leaves here as one of the two protocol errors.

Ephemeral keys are parameters, fresh from the caller's entropy, used for one handshake.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final  # Any: noiseprotocol publishes no types.

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from noise.connection import Keypair, NoiseConnection
from noise.constants import MAX_NONCE
from noise.exceptions import NoiseInvalidMessage, NoiseValueError

from nexus.contract import announce
from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError

PROTOCOL_NAME: Final = b"Noise_XK_25519_ChaChaPoly_BLAKE2s"
KEY_BYTES: Final = announce.KEY_BYTES
TAG_BYTES: Final = 16
MESSAGE_BYTES_MAX: Final = 65535
NONCE_MAX: Final = int(MAX_NONCE)

# Bytes a message has besides its payload, in the order of messages.
OVERHEAD_BYTES: Final = (48, 48, 64)

_LIBRARY_ERRORS: Final = (InvalidTag, NoiseInvalidMessage, NoiseValueError, ValueError)


class Role(Enum):
    """The side that dialled, or the other one."""

    __hash__ = object.__hash__  # Looked up for every frame; an enumeration has its own, slower.

    INITIATOR = "initiator"
    RESPONDER = "responder"


class Handshake:
    """A handshake in progress; `into_transport` ends it."""

    def __init__(
        self,
        role: Role,
        *,
        prologue: bytes,
        static_secret: bytes,
        ephemeral_secret: bytes,
        remote_static: bytes | None = None,
    ) -> None:
        """Create either side; exactly the initiator is given the remote static key.

        Raises:
            LocalProtocolError: a key of the wrong length or one too many.
        """
        keys = [static_secret, ephemeral_secret]
        keys += [remote_static] if remote_static is not None else []
        for length in map(len, keys):
            if length != KEY_BYTES:
                raise LocalProtocolError(
                    Reason.OUT_OF_RANGE, f"a key of {length} bytes; expected {KEY_BYTES}"
                )
        if (role is Role.INITIATOR) != (remote_static is not None):
            raise LocalProtocolError(Reason.OUT_OF_RANGE, "the initiator alone knows a remote key")
        self.role = role
        self._messages_done = 0
        self._is_poisoned = False
        self._is_taken = False
        connection: Any = NoiseConnection.from_name(PROTOCOL_NAME)
        connection.set_prologue(prologue)
        connection.set_keypair_from_private_bytes(Keypair.STATIC, static_secret)
        if remote_static is not None:
            connection.set_as_initiator()
            connection.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, remote_static)
        else:
            connection.set_as_responder()
        connection.start_handshake()
        # Kept here because the library forgets its handshake state when it splits.
        self._state: Any = connection.noise_protocol.handshake_state
        # Set behind the library's back: its own way is meant for test vectors and warns.
        self._state.e = connection.noise_protocol.dh_fn.klass.from_private_bytes(ephemeral_secret)
        self._connection = connection

    @property
    def is_my_turn(self) -> bool:
        """Whether `write` is next."""
        return not self.is_over and (self._messages_done % 2 == 0) == (self.role is Role.INITIATOR)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to read or write, for better or worse."""
        return self._is_poisoned or self._messages_done == len(OVERHEAD_BYTES)

    @property
    def remote_static(self) -> bytes:
        """The peer's static key; proven once it has sent the message that depends on it."""
        key = getattr(self._state.rs, "public_bytes", None)
        if not isinstance(key, bytes) or self._is_poisoned:
            raise LocalProtocolError(Reason.STATE, "the peer's key is not known yet")
        return key

    def write(self, payload: bytes = b"") -> bytes:
        """Make our next message."""
        if not self.is_my_turn:
            raise LocalProtocolError(Reason.STATE, "it is not our turn to write")
        most = MESSAGE_BYTES_MAX - OVERHEAD_BYTES[self._messages_done]
        if len(payload) > most:
            raise LocalProtocolError(
                Reason.OVERSIZED, f"payload of {len(payload)} bytes; at most {most}"
            )
        try:
            message = bytes(self._connection.write_message(payload))
        except _LIBRARY_ERRORS as exc:
            # The peer's key gives no shared secret.
            self._is_poisoned = True
            raise RemoteProtocolError(Reason.DECRYPT, "no shared secret") from exc
        self._messages_done += 1
        return message

    def read(self, message: bytes) -> bytes:
        """Take the peer's next message; return its payload.

        Raises:
            RemoteProtocolError: not authentic; the handshake is over, close the connection.
        """
        if self.is_over or self.is_my_turn:
            raise LocalProtocolError(Reason.STATE, "it is not our turn to read")
        least = OVERHEAD_BYTES[self._messages_done]
        if not least <= len(message) <= MESSAGE_BYTES_MAX:
            self._is_poisoned = True
            raise RemoteProtocolError(
                Reason.TRUNCATED,
                f"handshake message of {len(message)} bytes; expected {least}..{MESSAGE_BYTES_MAX}",
            )
        try:
            payload = bytes(self._connection.read_message(bytes(message)))
        except _LIBRARY_ERRORS as exc:
            self._is_poisoned = True
            raise RemoteProtocolError(Reason.DECRYPT, "handshake message") from exc
        self._messages_done += 1
        return payload

    def into_transport(self) -> Transport:
        """End the handshake and take the two ciphers; possible once."""
        if self._is_poisoned or self._messages_done != len(OVERHEAD_BYTES) or self._is_taken:
            raise LocalProtocolError(Reason.STATE, "the handshake is not complete")
        self._is_taken = True
        return Transport(self._connection)

    def keys_for_test_worlds_only(self) -> tuple[bytes, bytes]:
        """Return the keys of our direction and the peer's; a world's report opens its capture."""
        if self._is_poisoned or self._messages_done != len(OVERHEAD_BYTES):
            raise LocalProtocolError(Reason.STATE, "the handshake is not complete")
        protocol: Any = self._connection.noise_protocol
        return bytes(protocol.cipher_state_encrypt.k), bytes(protocol.cipher_state_decrypt.k)


class Transport:
    """The two ciphers of a finished handshake.

    The library's own cipher objects copy each message and check again what is checked here, so
    after the split its two keys are used with the AEAD that it would use.
    """

    __slots__ = ("_opening", "_sealing", "handshake_hash", "messages_received", "messages_sent")

    def __init__(self, connection: NoiseConnection) -> None:
        """Take a library connection that has split; only `Handshake.into_transport` does so."""
        protocol: Any = connection.noise_protocol
        self._sealing = ChaCha20Poly1305(protocol.cipher_state_encrypt.k)
        self._opening = ChaCha20Poly1305(protocol.cipher_state_decrypt.k)
        # The transcript's hash, the same on both sides and on no other session.
        self.handshake_hash = bytes(connection.get_handshake_hash())
        # The next nonce of our direction, and of the peer's.
        self.messages_sent = 0
        self.messages_received = 0

    def encrypt(self, plaintext: bytes) -> bytes:
        """Seal the next message of our direction."""
        sealed = bytearray(len(plaintext) + TAG_BYTES)
        self.encrypt_into(plaintext, sealed)
        return bytes(sealed)

    def encrypt_into(self, plaintext: bytes, room: bytearray | memoryview) -> None:
        """Seal the next message into a buffer of exactly its length and the tag's."""
        if len(plaintext) > MESSAGE_BYTES_MAX - TAG_BYTES:
            most = MESSAGE_BYTES_MAX - TAG_BYTES
            raise LocalProtocolError(
                Reason.OVERSIZED, f"plaintext of {len(plaintext)} bytes; at most {most}"
            )
        if self.messages_sent >= NONCE_MAX:
            raise LocalProtocolError(Reason.NONCE_EXHAUSTED, "make a new session")
        self._sealing.encrypt_into(_nonce(self.messages_sent), plaintext, None, room)
        self.messages_sent += 1

    def decrypt(self, message: bytes | memoryview) -> bytes:
        """Open the next message of the peer's direction.

        Raises:
            RemoteProtocolError: not authentic.  Nothing has changed: the nonce stays.
        """
        if not TAG_BYTES <= len(message) <= MESSAGE_BYTES_MAX:
            raise RemoteProtocolError(Reason.TRUNCATED, _not_a_message(len(message)))
        if self.messages_received >= NONCE_MAX:
            raise RemoteProtocolError(Reason.NONCE_EXHAUSTED, "make a new session")
        try:
            opened = self._opening.decrypt(_nonce(self.messages_received), message, None)
        except _LIBRARY_ERRORS as exc:
            raise RemoteProtocolError(Reason.DECRYPT, "transport message") from exc
        self.messages_received += 1
        return opened

    def decrypt_into(self, message: bytes | memoryview, room: memoryview) -> int:
        """Open the next message into a buffer; return the length of its plaintext.

        Raises:
            RemoteProtocolError: as `decrypt`.
        """
        length = len(message) - TAG_BYTES
        if not 0 <= length <= MESSAGE_BYTES_MAX - TAG_BYTES:
            raise RemoteProtocolError(Reason.TRUNCATED, _not_a_message(len(message)))
        if self.messages_received >= NONCE_MAX:
            raise RemoteProtocolError(Reason.NONCE_EXHAUSTED, "make a new session")
        nonce = _nonce(self.messages_received)
        try:
            self._opening.decrypt_into(nonce, message, None, room[:length])
        except _LIBRARY_ERRORS as exc:
            raise RemoteProtocolError(Reason.DECRYPT, "transport message") from exc
        self.messages_received += 1
        return length

    def skip_to_nonce_for_testing_only(self, nonce: int) -> None:
        """Set both counters, to reach their end within a lifetime."""
        self.messages_sent = self.messages_received = nonce


def _not_a_message(length: int) -> str:
    return f"transport message of {length} bytes; expected {TAG_BYTES}..{MESSAGE_BYTES_MAX}"


def _nonce(number: int) -> bytes:
    """Return the nonce of a message, as Noise revision 34, section 12, says for ChaChaPoly."""
    return (number << 32).to_bytes(12, "little")
