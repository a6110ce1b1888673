"""The messages behind a handshake: each is opened once, in its turn and at its length, by both ways
of opening one."""

from __future__ import annotations

import pytest

from nexus.dsoftbus.noise import MESSAGE_BYTES_MAX, NONCE_MAX, TAG_BYTES, Transport
from nexus.dsoftbus.noise_scene import transports
from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError

OPENERS = pytest.mark.parametrize("is_into", [False, True], ids=["decrypt", "decrypt_into"])


def opened(end: Transport, message: bytes, *, is_into: bool) -> bytes:
    """Open a message, in the one way or in the other."""
    if not is_into:
        return end.decrypt(message)
    room = bytearray(MESSAGE_BYTES_MAX)
    return bytes(room[: end.decrypt_into(message, memoryview(room))])


@OPENERS
def test_each_message_is_opened_once_and_in_its_turn(is_into: bool) -> None:
    left, right = transports()
    messages = [left.encrypt(text) for text in (b"", b"one", b"two")]
    for number, text in enumerate((b"", b"one", b"two")):
        for other in messages[:number] + messages[number + 1 :]:
            with pytest.raises(RemoteProtocolError) as caught:
                opened(right, other, is_into=is_into)
            assert caught.value.reason is Reason.DECRYPT
        assert right.messages_received == number
        assert opened(right, messages[number], is_into=is_into) == text
    assert right.messages_received == left.messages_sent == 3


@OPENERS
def test_a_message_has_room_for_a_tag_and_is_no_longer_than_noise_allows(is_into: bool) -> None:
    left, right = transports()
    for length in (0, TAG_BYTES - 1, MESSAGE_BYTES_MAX + 1):
        with pytest.raises(RemoteProtocolError) as caught:
            opened(right, bytes(length), is_into=is_into)
        assert caught.value.reason is Reason.TRUNCATED
    for length in (TAG_BYTES, MESSAGE_BYTES_MAX):
        with pytest.raises(RemoteProtocolError) as caught:
            opened(right, bytes(length), is_into=is_into)
        assert caught.value.reason is Reason.DECRYPT
    assert right.messages_received == 0
    for plaintext in (b"", bytes(MESSAGE_BYTES_MAX - TAG_BYTES)):
        assert opened(right, left.encrypt(plaintext), is_into=is_into) == plaintext


@OPENERS
def test_a_nonce_is_used_up_to_the_last_but_one_and_the_refusal_stays(is_into: bool) -> None:
    left, right = transports()
    for end in (left, right):
        end.skip_to_nonce_for_testing_only(NONCE_MAX - 2)
    message = b""
    for _ in range(2):
        message = left.encrypt(b"late")
        assert opened(right, message, is_into=is_into) == b"late"
    for _ in range(2):
        with pytest.raises(LocalProtocolError) as local:
            left.encrypt(b"one more")
        with pytest.raises(RemoteProtocolError) as remote:
            opened(right, message, is_into=is_into)
        assert local.value.reason is remote.value.reason is Reason.NONCE_EXHAUSTED
    assert left.messages_sent == right.messages_received == NONCE_MAX


def test_a_plaintext_that_is_too_long_says_what_is_accepted_and_uses_no_nonce() -> None:
    left, _ = transports()
    most = MESSAGE_BYTES_MAX - TAG_BYTES
    with pytest.raises(LocalProtocolError, match=f"at most {most}"):
        left.encrypt_into(bytes(most + 1), bytearray(MESSAGE_BYTES_MAX + 1))
    assert left.messages_sent == 0
    room = bytearray(MESSAGE_BYTES_MAX)
    left.encrypt_into(bytes(most), room)
    assert left.messages_sent == 1
