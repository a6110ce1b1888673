"""Each error with its number, and arguments that no call and no stream can have, to the bound."""

from __future__ import annotations

import errno
from typing import Any  # Any: arguments of wrong types.

import pytest

from nexus.dsoftbus.io import errors
from nexus.dsoftbus.io.misuse import check_call, check_stream
from nexus.wire.gateway import REQUEST_PAYLOAD_MAX
from nexus.wire.mux import NAME_BYTES_MAX, PRIORITY_MAX


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        (errors.RefusedError, errno.EACCES),
        (errors.DeadlineError, errno.ETIMEDOUT),
        (errors.UnavailableError, errno.ENOTCONN),
        (errors.ClosedError, errno.ENOTCONN),
        (errors.NoStreamsError, errno.ENOTCONN),
        (errors.NoMessagesError, errno.ENOTCONN),
        (errors.SessionLostError, errno.ENOTCONN),
    ],
)
def test_an_error_of_the_system_has_the_number_that_means_the_same(
    kind: type[OSError], number: int
) -> None:
    error = kind("why")
    assert (error.errno, str(error)) == (number, "why")


@pytest.mark.parametrize("reason", [None, 0, 2])
def test_a_reset_has_its_number_and_the_reason_as_it_came(reason: int | None) -> None:
    error = errors.StreamResetError("why", reason)
    assert (error.errno, error.reason, str(error)) == (errno.ECONNRESET, reason, "why")


@pytest.mark.parametrize("service", [0, 1, 254, 255])
@pytest.mark.parametrize("length", [0, 1, REQUEST_PAYLOAD_MAX])
def test_a_call_that_may_be_made(service: int, length: int) -> None:
    check_call(service, bytes(length))
    assert REQUEST_PAYLOAD_MAX == 256


@pytest.mark.parametrize(
    ("service", "payload", "text"),
    [
        *(
            (service, b"", f"service: {service!r}; expected a number from 0 to 255")
            for service in (-1, 256, True, False, 1.0, "1", None, b"1")
        ),
        (1, bytes(257), "payload: 257 bytes; expected at most 256; use a stream for more"),
    ],
)
def test_a_call_that_cannot_be_is_one_line(service: Any, payload: bytes, text: str) -> None:
    with pytest.raises(errors.MisuseError) as caught:
        check_call(service, payload)
    assert str(caught.value) == text
    assert not isinstance(caught.value, TypeError)


@pytest.mark.parametrize("payload", ["text", bytearray(b"x"), memoryview(b"x"), None, 7])
def test_a_payload_of_another_type_is_named_by_its_type(payload: Any) -> None:
    with pytest.raises(errors.MisuseTypeError) as caught:
        check_call(1, payload)
    assert str(caught.value) == f"payload: {type(payload).__name__}; expected bytes"


@pytest.mark.parametrize("priority", [0, 1, PRIORITY_MAX])
@pytest.mark.parametrize("name", ["x", "x" * 58, "\u00fc" * 29])
def test_a_stream_that_may_be_opened(name: str, priority: int) -> None:
    check_stream(name, priority)
    assert (NAME_BYTES_MAX, PRIORITY_MAX) == (64, 7)


@pytest.mark.parametrize(
    ("name", "priority", "text"),
    [
        ("", 0, "name: '' has 0 bytes; expected 1 to 58"),
        ("\u00fc" * 29 + "x", 0, f"name: {chr(252) * 29 + 'x'!r} has 59 bytes; expected 1 to 58"),
        (b"x", 0, "name: b'x'; expected text"),
        ("\ud800", 0, "name: '\\ud800'; expected text"),
        *(
            ("x", priority, f"priority: {priority!r}; expected 0 (first) to 7")
            for priority in (-1, 8, True, False, 0.0, "1", None)
        ),
    ],
)
def test_a_stream_that_cannot_be_is_one_line(name: Any, priority: Any, text: str) -> None:
    with pytest.raises(errors.MisuseError) as caught:
        check_stream(name, priority)
    assert str(caught.value) == text
