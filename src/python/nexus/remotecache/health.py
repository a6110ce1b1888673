"""Whether a server could serve now, for balancers of load, and the pages that say so."""

from __future__ import annotations

import contextlib
import math
import os
import socket
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any, Final  # Any: a request of socketserver, and its client.
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

import grpc  # pants: no-infer-dep; it comes with BuildGrid
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as messages
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2_grpc as calls
from prometheus_client import Gauge, make_wsgi_app

from nexus.remotecache.certificates import load_all
from nexus.remotecache.metrics import Metrics
from nexus.remotecache.settings import BLOBS, INSTANCE, STORE_RESERVED_BYTES

# A store that does not answer within this time is not healthy.
STORE_SECONDS_MAX: Final = 2.0

# The store makes room by itself until `STORE_RESERVED_BYTES` are free.  Where half of them are
# gone, others fill the disk faster than it does that.
FREE_BYTES_MIN: Final = STORE_RESERVED_BYTES // 2

# Between two looks of the server at its own health.
LOOK_SECONDS: Final = 2.0
NEVER: Final = threading.Event().wait

# For one request, from its first byte to the last of its answer; and requests at once.  A client
# that drips bytes, or opens connections without end, must not keep a scraper out.
REQUEST_SECONDS_MAX: Final = 10.0
REQUESTS_MAX: Final = 16


class Health:
    """The needs of a server that serves: a store that answers, room, a certificate."""

    def __init__(
        self,
        store_socket: Path,
        disk: Path,
        certificate: Path,
        scheduling: Callable[[], str] = lambda: "",
    ) -> None:
        """Take places, and what says why nothing can be scheduled."""
        self.disk = disk
        self.scheduling = scheduling
        self.ends = load_all(certificate)[0].not_valid_after_utc
        # One that is stopped still takes connections, so it is asked something.
        self.store = calls.CapabilitiesStub(grpc.insecure_channel(f"unix:{store_socket}"))

    def complaint(self) -> str:
        """Say why it could not serve now; empty if it could."""
        request = messages.GetCapabilitiesRequest(instance_name=INSTANCE)
        try:
            self.store.GetCapabilities(request, timeout=STORE_SECONDS_MAX, wait_for_ready=True)
        except grpc.RpcError as exc:
            return f"the store does not answer: {exc.code().name}"
        try:
            full = self.room_complaint()
        except OSError as exc:
            return f"the folder of the store: {exc.strerror}"
        if full:
            return full
        if self.seconds_left() < 0:
            return f"the certificate expired {self.ends:%Y-%m-%d %H:%M} UTC: start the server again"
        return self.scheduling()

    def room_complaint(self) -> str:
        """Say why the store could take nothing now; empty if it could."""
        free = self.free_bytes()
        if free < FREE_BYTES_MIN:
            return f"the disk of the store is full: {free} bytes are free, {FREE_BYTES_MIN} needed"
        missing = STORE_RESERVED_BYTES - free
        if missing > 0 and (held := held_bytes(self.disk, missing)) < missing:
            return (
                f"the store takes nothing: {free} bytes of its disk are free, it keeps "
                f"{STORE_RESERVED_BYTES} so, and has {held} to evict"
            )
        return ""

    def free_bytes(self) -> int:
        """The room on the disk."""
        room = os.statvfs(self.disk)
        return room.f_bavail * room.f_frsize

    def known_free_bytes(self) -> float:
        """The room on the disk, for a page that must be whole also where the folder is gone."""
        try:
            return self.free_bytes()
        except OSError:
            return math.nan

    def seconds_left(self) -> float:
        """Return the seconds for which the certificate that was loaded at the start is valid."""
        return (self.ends - datetime.now(UTC)).total_seconds()


def held_bytes(folder: Path, enough: int) -> int:
    """Count what the store of a server's folder could evict, until that is enough."""
    held = 0
    for place, _, names in os.walk(folder / BLOBS):
        for name in names:
            if held >= enough:
                return held
            # It may be evicted right now.
            with contextlib.suppress(FileNotFoundError):
                held += os.lstat(os.path.join(place, name)).st_size
    return held


def watch(
    health: Health, say: Callable[[str], None], over: Callable[[float], bool] = NEVER
) -> None:
    """Say when it could not serve any more, and when it could again, until told to stop."""
    known = ""
    while not over(LOOK_SECONDS):
        complaint = health.complaint()
        # The reason may have a number in it that changes each time.
        if bool(complaint) != bool(known):
            say(f"cannot serve now: {complaint}" if complaint else "can serve again")
        known = complaint


def serve(metrics: Metrics, health: Health, address: str, port: int) -> WSGIServer:
    """Answer `/metrics` and `/health` from threads of its own; 503 and a reason when sick."""
    for name, text, measure in (
        ("disk_free_bytes", "free on the disk of the store", health.known_free_bytes),
        ("healthy", "1 if `/health` says so", lambda: 0 if health.complaint() else 1),
        ("certificate_seconds", "until the server's certificate ends", health.seconds_left),
    ):
        gauge = Gauge(f"nexus_cache_{name}", text, registry=metrics.registry)
        gauge.set_function(measure)
    page = make_wsgi_app(metrics.registry)

    def answer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            found: Iterable[bytes] = page(environ, start)
            return found
        reason = health.complaint() if path == "/health" else "there are /health and /metrics"
        status = "200 OK" if not reason else "503 Service Unavailable"
        start(status if path == "/health" else "404 Not Found", [("Content-Type", "text/plain")])
        return [f"{reason or 'ok'}\n".encode()]

    server = make_server(address, port, answer, _Server, _Handler)
    threading.Thread(target=server.serve_forever, daemon=True, name="metrics").start()
    return server


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], handler: type[WSGIRequestHandler]) -> None:
        # Addresses of version 6 as well.
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.places = threading.BoundedSemaphore(REQUESTS_MAX)
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take a request if there is a place for it."""
        if not self.places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # The system starts no thread now.
            self.places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer one, and end it when its time is over."""
        timer = threading.Timer(REQUEST_SECONDS_MAX, _end, (request,))
        timer.daemon = True
        try:
            timer.start()
            super().process_request_thread(request, client_address)
        finally:
            timer.cancel()
            self.places.release()

    def handle_error(self, _request: Any, _client_address: Any) -> None:
        """A client that went away is not worth a traceback."""


def _end(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # It has ended by itself.


class _Handler(WSGIRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        """Say nothing of each request."""
