"""The two errors of every protocol here: ours, and the peer's.

A peer learns neither: it gets the one refusal that its protocol has.  The reason is for our own
branches, records and tests.
"""

from __future__ import annotations

from enum import Enum

from nexus.core.errors import NexusError


class Reason(Enum):
    """The reason why a frame is refused.  The values are the words of messages and documents."""

    TRUNCATED = "truncated"
    BAD_MAGIC = "bad magic"
    UNSUPPORTED_VERSION = "unsupported version"
    UNSUPPORTED_OPERATION = "unsupported operation"
    DEVICE_ID_LENGTH = "device_id length"
    SERVICE_COUNT = "service count"
    SERVICE_NAME_LENGTH = "service name length"
    NAME_LENGTH = "name length"
    UTF8 = "utf8"
    TRAILING_BYTES = "trailing bytes"
    RESERVED_NOT_ZERO = "reserved not zero"
    UNKNOWN_STATUS = "unknown status"
    UNKNOWN_TYPE = "unknown type"
    OUT_OF_RANGE = "out of range"
    OVERSIZED = "oversized"
    STATE = "not now"
    DECRYPT = "decrypt"
    NONCE_EXHAUSTED = "nonce exhausted"
    IDENTITY = "identity"


class ProtocolError(NexusError):
    """Base of the two below; never raised itself."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        """Join the reason and, for people, where it was found."""
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)


class LocalProtocolError(ProtocolError):
    """Our caller asked for what the protocol cannot say; the caller is to be corrected."""


class RemoteProtocolError(ProtocolError):
    """The peer sent what the protocol does not allow; refuse it, and keep the reason here."""
