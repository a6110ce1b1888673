"""The handshake of a session: our id in our messages, the peer's key and id out of theirs.

    dialler      dial: -> 1                        take: <- 2, their id    finish: -> 3, our id
    responder    take: <- 1, answer -> 2, our id   take: <- 3, their id    finish

Which message may come when is for `transitions` to say; the cryptography is in `noise`.
"""

from __future__ import annotations

from typing import Final

from nexus.contract import bus as contract
from nexus.dsoftbus.noise import Handshake, Role, Transport
from nexus.dsoftbus.outbox import Outbox
from nexus.dsoftbus.session_events import Identity, Proven
from nexus.dsoftbus.transitions import DEVICE_ID_BYTES_MAX, Step
from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError

PROLOGUE: Final = contract.PROLOGUE


def role_of(pinned: bytes | None) -> Role:
    """Return the role of a side: only a dialler knows beforehand which key the peer must hold."""
    return Role.RESPONDER if pinned is None else Role.INITIATOR


class SessionHandshake:
    """One side's handshake, until its keys exist."""

    __slots__ = ("_noise", "_outbox", "_own_id", "_role")

    def __init__(self, identity: Identity, pinned: bytes | None, outbox: Outbox) -> None:
        """Prepare; nothing is sent before `dial` or a hello.

        Args:
            identity: Our id and keys.
            pinned: The key that a dialler expects; None makes a responder.
            outbox: Where our messages go.

        Raises:
            LocalProtocolError: our id is empty or too long.
        """
        self._own_id = identity.device_id.encode()
        if not 1 <= len(self._own_id) <= DEVICE_ID_BYTES_MAX:
            raise LocalProtocolError(
                Reason.DEVICE_ID_LENGTH,
                f"{len(self._own_id)} bytes; an id has 1..{DEVICE_ID_BYTES_MAX}",
            )
        self._role = role_of(pinned)
        self._outbox = outbox
        self._noise = Handshake(
            self._role,
            prologue=PROLOGUE,
            static_secret=identity.static_secret,
            ephemeral_secret=identity.ephemeral_secret,
            remote_static=pinned,
        )

    def dial(self) -> None:
        """Send message 1.  It has no id: only a proven peer is to see ours."""
        self._write(b"")

    def take(self, step: Step, message: bytes) -> Proven | None:
        """Take the peer's next message, which the states have let pass.

        A hello is answered with message 2, which has our id; the others prove the peer's.

        Raises:
            RemoteProtocolError: it does not decrypt, or the peer's id is not UTF-8.
        """
        payload = self._noise.read(message)
        if step is Step.HELLO:
            self._write(self._own_id)
            return None
        return Proven(_decode_id(payload), self._noise.remote_static)

    def finish(self) -> Transport:
        """Send message 3 if we dialled; return the keys of the session."""
        if self._role is Role.INITIATOR:
            self._write(self._own_id)
        return self._noise.into_transport()

    def _write(self, payload: bytes) -> None:
        self._outbox.put(self._noise.write(payload))


def _decode_id(payload: bytes) -> str:
    assert 1 <= len(payload) <= DEVICE_ID_BYTES_MAX, f"{len(payload)}: EXPECTED lets no other pass"
    try:
        return payload.decode()
    except UnicodeDecodeError as exc:
        raise RemoteProtocolError(Reason.UTF8, "device id") from exc
