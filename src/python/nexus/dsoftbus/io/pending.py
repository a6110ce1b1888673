"""A call that was not answered yet, as its caller waits for it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from nexus.contract.message_layout import Struct
from nexus.wire.gateway import Response
from nexus.wire.method_frames import Spoken


@dataclass(slots=True)
class Pending:
    """A call that was not answered yet."""

    service: int
    payload: bytes
    timeout_s: float
    deadline_ns: int
    future: asyncio.Future[Response]
    spoken: Spoken | None  # The method that it is, if it is one.
    is_typed: bool  # Its caller wants results, not a frame.
    number: int | None = None  # The session on which it was sent.
    results: Struct | None = None
