"""Keys of sessions in a test world: found from what its entropy devices gave, kept as text.

A world whose entropy is seeded has no secrets from its user.  The listener's handshake is played
again with the secret of its ephemeral key, and must give the very bytes of the capture; so a key
that is found is right.  Static keys never leave this module.

A key log is text, one session a line:

    NEXUS-XK <initiator's ephemeral public key> <id> <id> <key to responder> <key to initiator>

in hexadecimal, the ids (of initiator and responder) as the hexadecimal of their UTF-8.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from nexus.core.errors import NexusError
from nexus.dsoftbus.noise import KEY_BYTES, Handshake, Role
from nexus.dsoftbus.session import PROLOGUE
from nexus.harness.plan import NodeIdentity
from nexus.wire.error import ProtocolError

_TAG: Final = "NEXUS-XK"

# A world of a day has fewer sessions; a longer file is not a key log.
SESSIONS_MAX: Final = 65_536


class KeyLogError(NexusError):
    """A file that is not a key log; the message names the line."""


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """The keys of one session, and its two machines."""

    initiator: str
    responder: str
    to_responder: bytes = field(repr=False)
    to_initiator: bytes = field(repr=False)


def publics_of(secrets: Iterable[bytes]) -> dict[bytes, bytes]:
    """Map the public keys of possible ephemeral secrets to them."""
    return {
        X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw(): secret
        for secret in secrets
        if len(secret) == KEY_BYTES
    }


def find(
    messages: tuple[bytes, bytes, bytes], listener: NodeIdentity, ephemerals: Mapping[bytes, bytes]
) -> SessionKeys | None:
    """Play a captured handshake again as its responder; None if it was not this one's.

    Args:
        messages: the three messages, without their lengths.
        listener: the identity of the machine that was dialled.
        ephemerals: secrets by their public keys, of that machine.
    """
    first, second, third = messages
    secret = ephemerals.get(second[:KEY_BYTES])
    if secret is None:
        return None
    handshake = Handshake(
        Role.RESPONDER,
        prologue=PROLOGUE,
        static_secret=listener.static_secret,
        ephemeral_secret=secret,
    )
    try:
        handshake.read(first)
        if handshake.write(listener.device_id.encode()) != second:
            return None
        initiator = handshake.read(third).decode("utf-8", "replace")
    except ProtocolError:
        return None
    to_initiator, to_responder = handshake.keys_for_test_worlds_only()
    return SessionKeys(initiator, listener.device_id, to_responder, to_initiator)


def render(sessions: Mapping[bytes, SessionKeys]) -> str:
    """Write a key log; the sessions by the initiator's ephemeral public key."""
    lines = ["# Keys of the sessions of a test world; they open its capture."]
    for public, keys in sessions.items():
        ids = (keys.initiator.encode().hex(), keys.responder.encode().hex())
        parts = (_TAG, public.hex(), *ids, keys.to_responder.hex(), keys.to_initiator.hex())
        lines.append(" ".join(parts))
    return "\n".join(lines) + "\n"


def parse(text: str) -> dict[bytes, SessionKeys]:
    """Read a key log.

    Raises:
        KeyLogError: a line is not a session; nothing of the file is used.
    """
    sessions: dict[bytes, SessionKeys] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        if len(sessions) == SESSIONS_MAX:
            raise KeyLogError(f"line {number}: more than {SESSIONS_MAX} sessions")
        parts = line.split(" ")
        try:
            tag, *values = parts
            public, one, other, to_responder, to_initiator = map(bytes.fromhex, values)
            ids = (one.decode(), other.decode())
        except ValueError:
            raise KeyLogError(
                f"line {number}: not a session; expected {_TAG} and five hexadecimal values"
            ) from None
        if tag != _TAG or {len(public), len(to_responder), len(to_initiator)} != {KEY_BYTES}:
            raise KeyLogError(f"line {number}: not {_TAG} with keys of {KEY_BYTES} bytes")
        sessions[public] = SessionKeys(*ids, to_responder, to_initiator)
    return sessions
