"""A state store as a service of a node, and the records of what its peers changed.

    state = StateService(store, print_record)
    sink, streams = state.without_changes(audit), {STREAM: state.transfer}
    Node(settings, {SERVICE: state}, sink, streams, state.session_ended)

The node's gateway judges the session, the rate and the allowlist first, and runs a change that
is repeated after a reconnect once (docs/spec/session.md); keys and sizes are judged here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from nexus.contract.state import TRANSFER_LONGEST_NS, TRANSFER_SILENCE_NS
from nexus.dsoftbus.audit import AuditRecord, Outcome, Record
from nexus.dsoftbus.io.settings import AuditSink, Call
from nexus.dsoftbus.io.stream import BusStream
from nexus.remotefs.state.acl import RECORDED, ChangeRecord
from nexus.remotefs.state.calls import Known
from nexus.remotefs.state.remote import RemoteState
from nexus.remotefs.state.replies import SERVICE
from nexus.remotefs.state.share import Share
from nexus.remotefs.state.store import Store
from nexus.remotefs.state.transfer import ServedTransfer

SILENCE_S: Final = TRANSFER_SILENCE_NS / 10**9
_SHARE: Final = Share()
# 1 KiB a second: a slower peer holds what others could use.
LONGEST_S: Final = TRANSFER_LONGEST_NS / 10**9


class StateService:
    """One store for all sessions: changes take effect in the order in which they come here."""

    def __init__(
        self,
        store: Store,
        audit: Callable[[ChangeRecord], None],
        silence_s: float = SILENCE_S,
        longest_s: float = LONGEST_S,
        share: Share = _SHARE,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Serve a store.

        Args:
            store: What is served.
            audit: Gets one record for every change that is asked for.
            silence_s: A transfer of which nothing comes for so long is given up.
            longest_s: So is one that takes longer in all.
            share: What a peer may use, and what is left to this node's own programs.
            clock_ns: Nanoseconds; says how long a transaction was not used.
        """
        self._remote = RemoteState(store, share)
        self._sink = audit
        self._silence_s = silence_s
        self._longest_s = longest_s
        self._clock_ns = clock_ns

    def __call__(self, call: Call) -> bytes | None:
        """Answer a call; only permitted ones of authenticated sessions come here.

        None is that it may have been made before and is forgotten.

        It waits for the disk alone, so that no other call comes in between.
        """
        known = self._remote.repeat(call.peer, call.payload, call.correlation)
        if known is Known.FORGOTTEN:
            return None
        if isinstance(known, bytes):
            return known
        now_ns = self._clock_ns()
        for late in self._remote.end_late(now_ns):
            self._audit(late)
        reply, record = self._remote.handle(
            call.peer, call.payload, call.correlation, call.session, now_ns
        )
        if record is not None:
            self._audit(record)
        return reply

    def session_ended(self, number: int) -> None:
        """Abort the transaction of a session that is over."""
        record = self._remote.end_session(number)
        if record is not None:
            self._audit(record)

    async def transfer(self, stream: BusStream) -> None:
        """Serve a stream that moves one value, up to the store's largest."""
        served = ServedTransfer(self._remote, stream.gate, self._audit)
        try:
            async with asyncio.timeout(self._longest_s):
                await self._move(served, stream)
        except TimeoutError:
            stream.reset()
        finally:
            served.abort()

    async def _move(self, served: ServedTransfer, stream: BusStream) -> None:
        while True:
            async with asyncio.timeout(self._silence_s):
                data = await stream.read()
            step = served.receive(data) if data else served.end()
            if step.send:
                await stream.write(step.send)
            if step.reset is not None:
                stream.reset(step.reset)
            if step.is_over:
                return

    def _audit(self, record: ChangeRecord) -> None:
        """Give a record away; a sink that fails does not undo the change, nor its answer."""
        try:
            self._sink(record)
        except Exception as exc:
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"a record was not kept: {record.message}", "exception": exc}
            )

    @staticmethod
    def without_changes(sink: AuditSink) -> AuditSink:
        """Return a sink that drops the gateway's record of what has a record here."""

        def take(record: Record) -> None:
            if not _is_recorded_here(record):
                sink(record)

        return take


def _is_recorded_here(record: Record) -> bool:
    return (
        isinstance(record, AuditRecord)
        and record.outcome is Outcome.OK
        and record.service == SERVICE
        and record.opcode in RECORDED
    )
