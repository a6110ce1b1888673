"""Two sides of a handshake with the keys of the published vector."""

from __future__ import annotations

import json
from pathlib import Path

from nexus.dsoftbus.noise import Handshake, Role, Transport

VECTOR = json.loads(
    (
        Path(__file__).parents[4] / "third_party/vectors/noise_xk_25519_chachapoly_blake2s.json"
    ).read_text()
)["vectors"][0]


def octets(name: str) -> bytes:
    return bytes.fromhex(VECTOR[name])


def initiator(*, prologue: bytes = b"p", remote: bytes | None = None) -> Handshake:
    return Handshake(
        Role.INITIATOR,
        prologue=prologue,
        static_secret=octets("init_static"),
        ephemeral_secret=octets("init_ephemeral"),
        remote_static=remote or octets("init_remote_static"),
    )


def responder(*, prologue: bytes = b"p") -> Handshake:
    return Handshake(
        Role.RESPONDER,
        prologue=prologue,
        static_secret=octets("resp_static"),
        ephemeral_secret=octets("resp_ephemeral"),
    )


def pair_after(messages: int) -> tuple[Handshake, Handshake]:
    """Two sides after so many messages."""
    sides = (initiator(), responder())
    for number in range(messages):
        sender, receiver = sides[number % 2], sides[1 - number % 2]
        assert receiver.read(sender.write(b"%d" % number)) == b"%d" % number
    return sides


def transports() -> tuple[Transport, Transport]:
    left, right = pair_after(3)
    return left.into_transport(), right.into_transport()
