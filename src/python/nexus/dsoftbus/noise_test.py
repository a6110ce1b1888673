"""The published vector, and the ways in which a handshake or a message must not succeed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.dsoftbus.noise import (
    MESSAGE_BYTES_MAX,
    NONCE_MAX,
    OVERHEAD_BYTES,
    PROTOCOL_NAME,
    TAG_BYTES,
    Handshake,
    Role,
)
from nexus.dsoftbus.noise_scene import VECTOR, initiator, octets, pair_after, responder, transports
from nexus.wire.error import LocalProtocolError, ProtocolError, Reason, RemoteProtocolError


def test_the_published_vector_is_reproduced() -> None:
    assert VECTOR["protocol_name"].encode() == PROTOCOL_NAME
    left = initiator(prologue=octets("init_prologue"))
    right = responder(prologue=octets("resp_prologue"))
    messages = [
        (bytes.fromhex(m["payload"]), bytes.fromhex(m["ciphertext"])) for m in VECTOR["messages"]
    ]
    for number, (payload, ciphertext) in enumerate(messages[:3]):
        sender, receiver = (left, right) if number % 2 == 0 else (right, left)
        assert sender.write(payload) == ciphertext
        assert receiver.read(ciphertext) == payload
    ends = (left.into_transport(), right.into_transport())
    assert {end.handshake_hash for end in ends} == {octets("handshake_hash")}
    for number, (payload, ciphertext) in enumerate(messages[3:], start=3):
        sender_end, receiver_end = ends[number % 2], ends[1 - number % 2]
        assert sender_end.encrypt(payload) == ciphertext
        assert receiver_end.decrypt(ciphertext) == payload


def test_both_sides_learn_each_others_static_key() -> None:
    left, right = pair_after(3)
    assert left.remote_static == octets("init_remote_static")
    with pytest.raises(LocalProtocolError):
        _ = pair_after(2)[1].remote_static
    assert len(right.remote_static) == 32
    assert left.into_transport().handshake_hash == right.into_transport().handshake_hash


@pytest.mark.parametrize("number", [0, 1, 2])
def test_every_flipped_bit_of_a_handshake_message_is_refused(number: int) -> None:
    sides = pair_after(number)
    good = sides[number % 2].write(b"payload")
    for bit in range(0, len(good) * 8, 3):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << (bit % 8)
        receiver = pair_after(number)[1 - number % 2]
        with pytest.raises(RemoteProtocolError):
            receiver.read(bytes(bad))
        assert receiver.is_over


def test_the_bit_of_a_public_key_that_x25519_ignores_is_authenticated_too() -> None:
    left, right = pair_after(0)
    message = bytearray(left.write())
    message[31] ^= 0x80
    with pytest.raises(RemoteProtocolError):
        right.read(bytes(message))


@pytest.mark.parametrize("number", [0, 1, 2])
def test_every_truncation_of_a_handshake_message_is_refused(number: int) -> None:
    good = pair_after(number)[number % 2].write()
    for length in range(len(good)):
        receiver = pair_after(number)[1 - number % 2]
        with pytest.raises(RemoteProtocolError):
            receiver.read(good[:length])


def test_a_poisoned_handshake_stays_so() -> None:
    left, right = pair_after(0)
    good = left.write()
    with pytest.raises(RemoteProtocolError):
        right.read(good[:-1] + bytes([good[-1] ^ 1]))
    for attempt in (lambda: right.read(good), right.write, right.into_transport):
        with pytest.raises(LocalProtocolError) as caught:
            attempt()
        assert caught.value.reason is Reason.STATE
    with pytest.raises(LocalProtocolError):
        _ = right.remote_static


@pytest.mark.parametrize("damaged", [0, 31, 32, 47, 48, -1])
def test_a_key_in_a_damaged_last_message_is_not_proven(damaged: int) -> None:
    left, right = pair_after(2)
    message = bytearray(left.write(b"node-a"))
    message[damaged] ^= 1
    with pytest.raises(RemoteProtocolError):
        right.read(bytes(message))
    assert right.is_over
    assert not right.is_my_turn
    with pytest.raises(LocalProtocolError):
        _ = right.remote_static
    with pytest.raises(LocalProtocolError):
        right.into_transport()


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_wrong_turn_changes_nothing(number: int) -> None:
    sides = pair_after(number)
    writer, reader = sides[number % 2], sides[1 - number % 2]
    for attempt in (lambda: writer.read(bytes(64)), reader.write, writer.into_transport):
        with pytest.raises(LocalProtocolError) as caught:
            attempt()
        assert caught.value.reason is Reason.STATE
    assert reader.read(writer.write(b"x")) == b"x"


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_largest_handshake_payload_and_one_byte_more(number: int) -> None:
    sides = pair_after(number)
    most = MESSAGE_BYTES_MAX - OVERHEAD_BYTES[number]
    with pytest.raises(LocalProtocolError) as caught:
        sides[number % 2].write(bytes(most + 1))
    assert caught.value.reason is Reason.OVERSIZED
    message = sides[number % 2].write(bytes(most))
    assert len(message) == MESSAGE_BYTES_MAX
    assert sides[1 - number % 2].read(message) == bytes(most)


def test_another_prologue_or_responder_key_fails_at_the_first_message() -> None:
    for left in (initiator(prologue=b"q"), initiator(remote=b"\x09" + bytes(31))):
        with pytest.raises(RemoteProtocolError):
            responder().read(left.write())


def test_a_key_of_small_order_is_refused() -> None:
    with pytest.raises(RemoteProtocolError):
        initiator(remote=bytes(31) + b"\x80").write()
    right = responder()
    with pytest.raises(RemoteProtocolError):
        right.read(bytes(48))


@pytest.mark.parametrize("length", [1, 31, 33])
def test_a_key_of_another_length_is_our_mistake(length: int) -> None:
    with pytest.raises(LocalProtocolError, match=f"a key of {length} bytes; expected 32"):
        initiator(remote=bytes(length))


@pytest.mark.parametrize(("number", "least"), [(0, 48), (1, 48), (2, 64)])
def test_a_handshake_message_that_is_too_short_names_the_range(number: int, least: int) -> None:
    reader = pair_after(number)[1 - number % 2]
    accepted = f"message of {least - 1} bytes; expected {least}..{MESSAGE_BYTES_MAX}"
    with pytest.raises(RemoteProtocolError, match=accepted):
        reader.read(bytes(least - 1))


@pytest.mark.parametrize("length", [TAG_BYTES - 1, MESSAGE_BYTES_MAX + 1])
def test_a_transport_message_of_no_possible_length_names_the_range(length: int) -> None:
    _, right = transports()
    accepted = f"message of {length} bytes; expected {TAG_BYTES}..{MESSAGE_BYTES_MAX}"
    for read in (right.decrypt, lambda message: right.decrypt_into(message, memoryview(b""))):
        with pytest.raises(RemoteProtocolError, match=accepted):
            read(bytes(length))
    assert right.messages_received == 0


def test_exactly_the_initiator_is_given_the_remote_key() -> None:
    for role, remote in ((Role.INITIATOR, None), (Role.RESPONDER, bytes(32))):
        with pytest.raises(LocalProtocolError):
            Handshake(
                role,
                prologue=b"",
                static_secret=bytes(32),
                ephemeral_secret=bytes(32),
                remote_static=remote,
            )


def test_a_key_that_gives_no_secret_ends_the_handshake_for_good() -> None:
    left = Handshake(
        Role.INITIATOR,
        prologue=b"",
        static_secret=bytes([1]) * 32,
        ephemeral_secret=bytes([2]) * 32,
        remote_static=bytes(32),  # A point of small order: every shared secret with it is zero.
    )
    with pytest.raises(RemoteProtocolError):
        left.write()
    assert left.is_over
    assert not left.is_my_turn
    with pytest.raises(LocalProtocolError):
        left.write()


def test_the_transport_is_taken_once() -> None:
    left, _ = pair_after(3)
    left.into_transport()
    with pytest.raises(LocalProtocolError):
        left.into_transport()


def test_a_bad_message_leaves_the_transport_as_it_was() -> None:
    left, right = transports()
    good = left.encrypt(b"hello")
    for bad in (good[:-1], good + b"x", bytes(len(good)), b"", good[1:]):
        with pytest.raises(RemoteProtocolError):
            right.decrypt(bad)
        assert right.messages_received == 0
    assert right.decrypt(good) == b"hello"


def test_a_replay_is_refused() -> None:
    left, right = transports()
    message = left.encrypt(b"once")
    assert right.decrypt(message) == b"once"
    with pytest.raises(RemoteProtocolError) as caught:
        right.decrypt(message)
    assert caught.value.reason is Reason.DECRYPT


def test_the_largest_plaintext_and_one_byte_more() -> None:
    left, right = transports()
    with pytest.raises(LocalProtocolError) as caught:
        left.encrypt(bytes(MESSAGE_BYTES_MAX - TAG_BYTES + 1))
    assert caught.value.reason is Reason.OVERSIZED
    assert left.messages_sent == 0
    message = left.encrypt(bytes(MESSAGE_BYTES_MAX - TAG_BYTES))
    assert len(message) == MESSAGE_BYTES_MAX
    assert len(right.decrypt(message)) == MESSAGE_BYTES_MAX - TAG_BYTES
    with pytest.raises(RemoteProtocolError):
        right.decrypt(bytes(MESSAGE_BYTES_MAX + 1))


def test_the_last_nonce_is_never_used() -> None:
    left, right = transports()
    for end in (left, right):
        end.skip_to_nonce_for_testing_only(NONCE_MAX - 1)
    message = left.encrypt(b"last")
    assert right.decrypt(message) == b"last"
    with pytest.raises(LocalProtocolError) as local:
        left.encrypt(b"one more")
    with pytest.raises(RemoteProtocolError) as remote:
        right.decrypt(message)
    assert local.value.reason is remote.value.reason is Reason.NONCE_EXHAUSTED


@given(st.integers(0, 2), st.binary(max_size=120))
def test_arbitrary_bytes_raise_nothing_else(number: int, data: bytes) -> None:
    receiver = pair_after(number)[1 - number % 2]
    with pytest.raises(ProtocolError):
        receiver.read(data)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_handshake_message_has_its_length_before_it_is_opened(number: int) -> None:
    least = OVERHEAD_BYTES[number]
    for length, reason in (
        (least - 1, Reason.TRUNCATED),
        (least, Reason.DECRYPT),
        (MESSAGE_BYTES_MAX, Reason.DECRYPT),
        (MESSAGE_BYTES_MAX + 1, Reason.TRUNCATED),
    ):
        receiver = pair_after(number)[1 - number % 2]
        with pytest.raises(RemoteProtocolError) as caught:
            receiver.read(b"\x09" + bytes(length - 1))
        assert caught.value.reason is reason
        assert receiver.is_over


def test_the_keys_that_a_report_opens_a_capture_with() -> None:
    for number in range(3):
        for side in pair_after(number):
            with pytest.raises(LocalProtocolError):
                side.keys_for_test_worlds_only()
    left, right = pair_after(3)
    sealing, opening = left.keys_for_test_worlds_only()
    assert right.keys_for_test_worlds_only() == (opening, sealing)
    assert sealing != opening
    left.into_transport()
    assert left.keys_for_test_worlds_only() == (sealing, opening)


def test_a_poisoned_handshake_shows_no_keys() -> None:
    left, right = pair_after(2)
    with pytest.raises(RemoteProtocolError):
        right.read(bytes(64))
    with pytest.raises(LocalProtocolError):
        right.keys_for_test_worlds_only()
    assert not left.is_over


def test_what_a_handshake_says_of_itself_after_each_message() -> None:
    for number in range(4):
        left, right = pair_after(number)
        assert left.is_over == right.is_over == (number == 3)
        assert left.is_my_turn == (number in (0, 2))
        assert right.is_my_turn == (number == 1)
