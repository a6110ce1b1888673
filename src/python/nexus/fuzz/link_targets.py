"""A node behind its socket against an admitted peer that says anything, in reads of any size.

Two nodes share a line in memory and virtual time.  The peer seals what the script says; how its
bytes are split and joined into reads is drawn too.  Nothing of it may be a defect here: the session
goes on, or it ends with the record of what the peer did.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from nexus.dsoftbus.audit import AuditRecord, MuxRecord
from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.node_scene import HANDLERS, KEY_A, KEY_B, peer_of, settings_of
from nexus.dsoftbus.io.stream import BusStream
from nexus.dsoftbus.io.virtual_fake import Line, run_virtual
from nexus.fuzz.target import Input, Target, packed
from nexus.wire.error import LocalProtocolError
from nexus.wire.frame_cases import CASES
from nexus.wire.gateway import Request
from nexus.wire.mux import Close, Credit, Data, Open, Reset

_STEPS_MAX = 48
_READS = (1, 3, 20, 100, 1000, 1 << 20)
_A, _B = settings_of(KEY_A, peer_of(KEY_B)), settings_of(KEY_B, peer_of(KEY_A))


async def _echo(stream: BusStream) -> None:
    async for piece in stream:
        await stream.write(piece)


async def _script(source: Input) -> None:
    a, b = Node(_A), Node(_B, HANDLERS, streams={"echo": _echo})
    line = Line(a, b)
    await line.settle()
    for step in source.steps(_STEPS_MAX):
        if step & 1:
            with suppress(LocalProtocolError):  # The script may ask for what a sender refuses.
                line.dialled.session.send_plaintext(source.piece())
            line.near.write(line.dialled.session.take_output())
        if step & 2:
            line.near.deliver(_READS[(step >> 2) % len(_READS)])
        for _ in range(step >> 5):
            await asyncio.sleep(0)
        if step == 0xFE:
            await asyncio.sleep(0.7)
    for _ in range(20):
        line.near.deliver(1 << 30)
        await asyncio.sleep(0)
    counters = b.counters
    assert counters.sessions_faulted == counters.streams_faulted == 0, f"{counters}"
    assert counters.handlers_failed == 0, f"{counters}"
    records = list(b.audit_log)
    assert all(isinstance(record, AuditRecord | MuxRecord) for record in records), f"{records}"
    for node in (a, b):
        await node.close()
    assert len(b._table) == 0, "a connection was left"


def _run_link(data: bytes) -> None:
    """Everything that an admitted peer can do to the edge of a node."""
    run_virtual(_script(Input(data)))


_CALL = Request(1, 7, 1000, b"SM\1\6\1x").encode()
_FRAMES = [case.value.encode() for case in CASES if case.decode.__module__.endswith(".mux")]
_OPENED = [Open(1, 0, "gateway").encode(), Open(3, 4, "echo").encode()]
_USED = [
    *_OPENED,
    Data(1, _CALL + _CALL[:9]).encode(),
    Data(3, b"x" * 50).encode(),
    Credit(3, 9).encode(),
    Close(1).encode(),
    Close(3).encode(),
    Reset(3, 0).encode(),
    Open(5, 0, "gateway").encode(),
]

TARGETS: tuple[Target, ...] = (
    Target(
        "link",
        _run_link,
        (
            b"".join(packed(1, frame) for frame in _USED),
            b"".join(packed(0x77, frame) for frame in _USED),
            b"".join(packed(0x0B, frame) for frame in [*_OPENED, *_FRAMES]),
        ),
    ),
)
