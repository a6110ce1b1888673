"""Keys are found by playing the handshake again, and a key log is read as it was written."""

from __future__ import annotations

import pytest

from nexus.config.keys import derive_test_secret, public_key_of
from nexus.dsoftbus.noise import Handshake, Role
from nexus.dsoftbus.session import PROLOGUE
from nexus.harness.plan import NodeIdentity
from nexus.harness.report.keys import KeyLogError, find, parse, publics_of, render

SECRET_A, SECRET_B = derive_test_secret("node-a"), derive_test_secret("node-b")
EPHEMERAL_A, EPHEMERAL_B = derive_test_secret("ephemeral a"), derive_test_secret("ephemeral b")
B = NodeIdentity("node-b", SECRET_B, is_test_key=True)


def handshake() -> tuple[tuple[bytes, bytes, bytes], Handshake]:
    """The three messages of a session, and its initiator."""
    one = Handshake(
        Role.INITIATOR,
        prologue=PROLOGUE,
        static_secret=SECRET_A,
        ephemeral_secret=EPHEMERAL_A,
        remote_static=public_key_of(SECRET_B),
    )
    other = Handshake(
        Role.RESPONDER, prologue=PROLOGUE, static_secret=SECRET_B, ephemeral_secret=EPHEMERAL_B
    )
    first = one.write()
    other.read(first)
    second = other.write(b"node-b")
    one.read(second)
    third = one.write(b"node-a")
    other.read(third)
    return (first, second, third), one


def test_keys_are_found_by_the_listeners_ephemeral_secret() -> None:
    messages, initiator = handshake()
    keys = find(messages, B, publics_of([bytes(32), EPHEMERAL_B, b"short"]))
    assert keys is not None
    assert (keys.initiator, keys.responder) == ("node-a", "node-b")
    assert (keys.to_responder, keys.to_initiator) == initiator.keys_for_test_worlds_only()


def test_without_the_secret_or_for_another_identity_there_are_none() -> None:
    messages, _ = handshake()
    assert find(messages, B, publics_of([EPHEMERAL_A])) is None
    other = NodeIdentity("node-c", SECRET_B, is_test_key=True)
    assert find(messages, other, publics_of([EPHEMERAL_B])) is None
    stranger = NodeIdentity("node-b", SECRET_A, is_test_key=True)
    assert find(messages, stranger, publics_of([EPHEMERAL_B])) is None


def test_a_damaged_third_message_has_no_keys() -> None:
    (first, second, third), _ = handshake()
    damaged = third[:-1] + bytes([third[-1] ^ 1])
    assert find((first, second, damaged), B, publics_of([EPHEMERAL_B])) is None


def test_secrets_are_not_shown() -> None:
    messages, _ = handshake()
    keys = find(messages, B, publics_of([EPHEMERAL_B]))
    assert keys is not None
    assert keys.to_responder.hex() not in repr(keys)
    assert repr(keys.to_responder) not in repr(keys)
    assert SECRET_B.hex() not in repr(B)
    assert repr(SECRET_B) not in repr(B)


def test_a_key_log_is_read_as_it_was_written() -> None:
    messages, _ = handshake()
    keys = find(messages, B, publics_of([EPHEMERAL_B]))
    assert keys is not None
    log = {messages[0][:32]: keys}
    assert parse(render(log)) == log


@pytest.mark.parametrize(
    "line",
    [
        "NEXUS-XK",
        "NEXUS-XK zz 00 00 00 00",
        "NEXUS-XK " + " ".join(["00" * 32] * 4),
        "OTHER " + " ".join(["00" * 32, "61", "62", "00" * 32, "00" * 32]),
        "NEXUS-XK " + " ".join(["00" * 31, "61", "62", "00" * 32, "00" * 32]),
        "NEXUS-XK " + " ".join(["00" * 32, "ff", "62", "00" * 32, "00" * 32]),
    ],
)
def test_a_line_that_is_no_session_is_named(line: str) -> None:
    with pytest.raises(KeyLogError, match="line 2: not"):
        parse(f"# a comment\n{line}\n")
