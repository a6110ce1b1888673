"""The meaning of a peer's answer: is it one to this request, and the advice of each status."""

from __future__ import annotations

import pytest

from nexus.remotefs.state.acl import KEY_BYTES_MAX, NAMESPACE
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.replies import ADVICE, SERVICE, check_key, check_reply, check_status
from nexus.wire.state import Op, Reply, Request, Status

KEY = f"{NAMESPACE}a"
OF_A_KEY_AND_A_VALUE = (
    "over a session a key has up to 96 bytes, a value 1 to 65536 (128 in a frame), a list up to 64"
    " keys"
)


def test_every_status_but_ok_has_its_advice() -> None:
    assert set(ADVICE) == set(Status) - {Status.OK}
    assert len(set(ADVICE.values())) == len(ADVICE)
    assert SERVICE.value == 4
    assert ADVICE[Status.VALUE_TOO_LARGE] == OF_A_KEY_AND_A_VALUE
    assert ADVICE[Status.KEY_TOO_LONG] == "a key has up to 96 bytes"


@pytest.mark.parametrize("status", sorted(ADVICE))
def test_a_status_is_an_error_that_names_the_key_if_there_is_one(status: Status) -> None:
    reply = Reply(Op.GET, status)
    for key, text in ((KEY, f"{KEY!r}: {ADVICE[status]}"), ("", ADVICE[status])):
        with pytest.raises(StateError) as caught:
            check_status(reply, key)
        assert caught.value.status is status
        assert str(caught.value) == f"{status.name.lower()}: {text}"


def test_ok_is_the_reply_itself() -> None:
    reply = Reply(Op.GET, Status.OK, b"v")
    assert check_status(reply, KEY) is reply


@pytest.mark.parametrize("nonce", [None, 0, 7])
def test_an_answer_has_the_operation_and_the_nonce_of_its_request(nonce: int | None) -> None:
    request = Request(Op.GET, KEY, nonce=nonce)
    answer = Reply(Op.GET, Status.OK, b"v", nonce=nonce)
    assert check_reply(request, answer.encode()) == answer
    for other in (
        Reply(Op.SYNC, Status.OK, nonce=nonce),
        Reply(Op.GET, Status.OK, b"v", nonce=8),
        Reply(Op.GET, Status.NOT_FOUND, nonce=8),
    ):
        with pytest.raises(StateError) as caught:
            check_reply(request, other.encode())
        assert str(caught.value) == "io_error: the peer answered another request"


def test_a_refusal_may_have_no_nonce_and_success_may_not() -> None:
    request = Request(Op.GET, KEY, nonce=7)
    refusal = Reply(Op.GET, Status.ACCESS_DENIED)
    assert check_reply(request, refusal.encode()).status is Status.ACCESS_DENIED
    with pytest.raises(StateError, match="the peer answered another request"):
        check_reply(request, Reply(Op.GET, Status.OK, b"v").encode())


@pytest.mark.parametrize("frame", [b"", b"SF", Reply(Op.GET, Status.OK, b"v").encode()[:-1]])
def test_an_answer_that_cannot_be_read_says_nothing_of_what_was_done(frame: bytes) -> None:
    with pytest.raises(StateError) as caught:
        check_reply(Request(Op.GET, KEY), frame)
    assert caught.value.status is Status.IO_ERROR
    assert str(caught.value).startswith("io_error: the peer's answer cannot be read: ")


def test_a_key_that_can_be_said() -> None:
    assert KEY_BYTES_MAX == 96
    for key in ("", "a", "k" * 96, "\u00fc" * 48):
        check_key(key)
    for key in ("k" * 97, "\u00fc" * 48 + "k"):
        with pytest.raises(StateError) as caught:
            check_key(key)
        assert str(caught.value) == f"value_too_large: {OF_A_KEY_AND_A_VALUE}"
    with pytest.raises(StateError) as caught:
        check_key("\udcff")
    assert caught.value.status is Status.INVALID_KEY
    assert str(caught.value) == f"invalid_key: '\\udcff': {ADVICE[Status.INVALID_KEY]}"


def test_an_error_of_the_store_has_its_status_and_perhaps_a_detail() -> None:
    assert str(StateError(Status.NOT_FOUND)) == "not_found"
    assert str(StateError(Status.NOT_FOUND, "x")) == "not_found: x"
