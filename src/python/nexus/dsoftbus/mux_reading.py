"""A peer's bytes as a frame of streams, or the label under which they end the session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nexus.dsoftbus.mux_transitions import MuxRejectError, Reject
from nexus.wire import mux as wire
from nexus.wire.error import Reason, RemoteProtocolError

# Every other reason is `MALFORMED`.
_REJECTS: Final[Mapping[Reason, Reject]] = {
    Reason.OVERSIZED: Reject.FRAME_OVERSIZE,
    Reason.NAME_LENGTH: Reject.INVALID_NAME,
    Reason.UTF8: Reject.INVALID_NAME,
}


def read_frame(frame: bytes, bytes_max: int) -> wire.Frame:
    """Read a frame of at most so many bytes.

    Raises:
        MuxRejectError: it is longer, or the codec refuses it.
    """
    if len(frame) > bytes_max:
        raise MuxRejectError(Reject.FRAME_OVERSIZE, f"{len(frame)} bytes; at most {bytes_max}")
    try:
        return wire.decode_frame(frame)
    except RemoteProtocolError as exc:
        raise MuxRejectError(_REJECTS.get(exc.reason, Reject.MALFORMED), str(exc)) from exc
