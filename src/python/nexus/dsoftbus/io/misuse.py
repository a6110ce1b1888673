"""Arguments that no call and no stream can have: mistakes of the program, said at once."""

from __future__ import annotations

from typing import Final

from nexus.dsoftbus.io.errors import MisuseError, MisuseTypeError
from nexus.wire.gateway import REQUEST_PAYLOAD_MAX
from nexus.wire.mux import NAME_BYTES_MAX, PRIORITY_MAX

# The room for `#n` of several streams of one name (docs/spec/streams.md, *Names*).
_NUMBER_BYTES: Final = 6


def check_call(service: int, payload: bytes) -> None:
    """Refuse what no request can say.

    Raises:
        MisuseError, MisuseTypeError: the text names the argument and what is accepted.
    """
    if not isinstance(payload, bytes):
        raise MisuseTypeError(f"payload: {type(payload).__name__}; expected bytes")
    if len(payload) > REQUEST_PAYLOAD_MAX:
        text = f"payload: {len(payload)} bytes; expected at most {REQUEST_PAYLOAD_MAX}"
        raise MisuseError(f"{text}; use a stream for more")
    if isinstance(service, bool) or not isinstance(service, int) or not 0 <= service <= 0xFF:
        raise MisuseError(f"service: {service!r}; expected a number from 0 to 255")


def check_stream(name: str, priority: int) -> None:
    """Refuse what no stream can be called, and priorities that there are not.

    Raises:
        MisuseError: the text names the argument and what is accepted.
    """
    try:
        length = len(name.encode())
    except (AttributeError, UnicodeError) as exc:
        raise MisuseError(f"name: {name!r}; expected text") from exc
    most = NAME_BYTES_MAX - _NUMBER_BYTES
    if not 1 <= length <= most:
        raise MisuseError(f"name: {name!r} has {length} bytes; expected 1 to {most}")
    is_number = isinstance(priority, int) and not isinstance(priority, bool)
    if not is_number or not 0 <= priority <= PRIORITY_MAX:
        raise MisuseError(f"priority: {priority!r}; expected 0 (first) to {PRIORITY_MAX}")
