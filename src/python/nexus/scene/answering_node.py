"""A node of the virtual switch that is dialled: it answers names and bundles to a guest."""

from __future__ import annotations

from typing import Final

from nexus.dsoftbus.carrier import Carrier, Mode, Pulled
from nexus.dsoftbus.mux_events import Opened
from nexus.dsoftbus.mux_transitions import ResetReason
from nexus.netstack.host import ByteStream
from nexus.netstack.library import Library, WouldBlockError
from nexus.scene.place import Place
from nexus.scene.switch_node import SwitchNode
from nexus.wire import bundle, samgr
from nexus.wire.gateway import Request, Response, Status, decode_frame

# The served answers, by number of the service; all else is refused.
REPLIES: Final = {
    1: samgr.SlotReply(samgr.Op.RESOLVE_STATUS, samgr.Status.OK).encode(),
    2: bundle.ListReply(bundle.Status.OK, 1).encode(),
}


class AnsweringNode(SwitchNode):
    """Announces itself, accepts the peer's session, and answers what it is asked."""

    def __init__(self, library: Library, own: Place, secret: bytes, peer: Place) -> None:
        """Wait for the peer."""
        super().__init__(library, own, secret, peer)
        self._listener = self.host.stack.listen(own.port)
        self.asked: list[int] = []
        self.unknown_streams: list[str] = []

    @property
    def mode(self) -> Mode | None:
        """The way in which the peer takes calls, once there is a session."""
        return None if self._carrier is None else self._carrier.mode

    def _connect(self, now_ns: int) -> ByteStream | None:
        try:
            return ByteStream(self._listener.accept())
        except WouldBlockError:
            return None

    def _take(self, carrier: Carrier, frame: bytes) -> None:
        for event in carrier.receive(frame):
            if isinstance(event, Opened):
                assert carrier.streams is not None, "a stream without streams"
                self.unknown_streams.append(event.name)
                carrier.streams.reset(event.stream, ResetReason.UNKNOWN_STREAM)
        while isinstance(pulled := carrier.take_request(), Pulled):
            request = decode_frame(pulled.frame)
            assert isinstance(request, Request), request
            self.asked.append(request.service)
            reply = REPLIES.get(request.service)
            status = Status.REFUSED if reply is None else Status.OK
            response = Response(status, request.correlation, reply or b"")
            carrier.send_response(response.encode(), pulled.stream)
