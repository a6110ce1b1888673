"""One call that is to be made: the same call as a frame and, where it has one, as a message."""

from __future__ import annotations

from typing import NamedTuple

from nexus.contract.message_layout import Struct
from nexus.wire.gateway import Request
from nexus.wire.methods import Method
from nexus.wire.rpc_call import encode_call


class Ask(NamedTuple):
    """A request, and the method and parameters that it is; None if the contract has no word."""

    request: Request
    method: Method | None = None
    params: Struct | None = None

    @property
    def name(self) -> int:
        """Its correlation id, the epoch in the upper half."""
        return self.request.correlation

    @property
    def has_message(self) -> bool:
        """Whether it can be said as a message."""
        return self.method is not None

    def frame(self) -> bytes:
        """Return it as a frame."""
        return self.request.encode()

    def message(self) -> bytes:
        """Return it as a message."""
        assert self.method is not None, "a call without a message"
        assert self.params is not None, "a method without parameters"
        request = self.request
        return encode_call(self.method, request.correlation, request.deadline_ms, self.params)
