"""Checks of the answers of a peer's state store: the right frame, and its status.

One error, `StateError`: `status` says what went wrong, the text what the caller can do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nexus.contract.gateway import Service
from nexus.remotefs.state.acl import (
    KEY_BYTES_MAX,
    LIST_MAX,
    NAMESPACE,
    TRANSFER_BYTES_MAX,
    VALUE_BYTES_MAX,
)
from nexus.remotefs.state.error import StateError
from nexus.wire.error import RemoteProtocolError
from nexus.wire.state import Reply, Request, Status, decode_reply

# The number of the service at a peer's gateway.
SERVICE: Final = Service.STATEFSD

ADVICE: Final[Mapping[Status, str]] = {
    Status.NOT_FOUND: "there is no such key",
    Status.ACCESS_DENIED: f"peers may use keys below {NAMESPACE} only",
    Status.VALUE_TOO_LARGE: (
        f"over a session a key has up to {KEY_BYTES_MAX} bytes, a value 1 to"
        f" {TRANSFER_BYTES_MAX} ({VALUE_BYTES_MAX} in a frame), a list up to {LIST_MAX} keys"
    ),
    Status.KEY_TOO_LONG: f"a key has up to {KEY_BYTES_MAX} bytes",
    Status.INVALID_KEY: "a key is UTF-8 without NUL, backslash, '//' and parts '.' or '..'",
    Status.MALFORMED: "the peer cannot read this request; is it of another version?",
    Status.IO_ERROR: "the peer's disk failed or is full; read what is there before trying again",
    Status.UNSUPPORTED: "the peer cannot do this",
    Status.INTEGRITY_VIOLATION: (
        "the peer's journal is damaged and can only be read; `nexus state fsck` looks at its image"
    ),
    Status.ROLLBACK_DETECTED: "the peer's disk holds an older state than it should; restore it",
    Status.TXN_LIMIT: "the peer has too many transactions under way; try again later",
    Status.OVER_SHARE: "this node has as much of the peer's store as it may; remove some of it",
}


def check_reply(request: Request, frame: bytes) -> Reply:
    """Read the reply to a request.

    Raises:
        StateError: IO_ERROR, as nothing is known of what was done.
    """
    try:
        reply = decode_reply(frame)
    except RemoteProtocolError as exc:
        raise StateError(Status.IO_ERROR, f"the peer's answer cannot be read: {exc}") from exc
    # A refusal by the gateway is of version 1 whatever was asked, and has no nonce.
    nonces = (request.nonce,) if reply.status is Status.OK else (request.nonce, None)
    if reply.op is not request.op or reply.nonce not in nonces:
        raise StateError(Status.IO_ERROR, "the peer answered another request")
    return reply


def check_status(reply: Reply, key: str) -> Reply:
    """Return a reply that says OK.

    Raises:
        StateError: every other one.
    """
    if reply.status is Status.OK:
        return reply
    advice = ADVICE[reply.status]
    raise StateError(reply.status, f"{key!r}: {advice}" if key else advice)


def check_key(key: str) -> None:
    """Refuse a key that cannot be said; whether it may be used is the peer's to say."""
    try:
        length = len(key.encode())
    except UnicodeEncodeError as exc:
        raise StateError(Status.INVALID_KEY, f"{key!r}: {ADVICE[Status.INVALID_KEY]}") from exc
    if length > KEY_BYTES_MAX:
        raise StateError(Status.VALUE_TOO_LARGE, ADVICE[Status.VALUE_TOO_LARGE])
