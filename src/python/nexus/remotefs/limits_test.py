"""The limits of remote files and state as the numbers that docs/spec and docs/dsoftbus.md promise.

Other tests reach these bounds, and take them from the code or make them small.
"""

from __future__ import annotations

import pytest

from nexus.core.fields_support import left_out
from nexus.remotefs.package import replies, server, stream_server
from nexus.remotefs.package.io import client as package_client
from nexus.remotefs.package.io import range_file
from nexus.remotefs.package.io import service as package_service
from nexus.remotefs.state import (
    call,
    contents,
    journal,
    listing,
    record,
    replay,
    superblock,
    writer,
)
from nexus.remotefs.state import tool as state_tool
from nexus.remotefs.state.io import client as state_client
from nexus.remotefs.state.io import service as state_service
from nexus.remotefs.state.io import transfer
from nexus.remotefs.state.mount import Mount
from nexus.remotefs.state.share import Share
from nexus.remotefs.state.transfer import Step

KIB = 1024


@pytest.mark.parametrize(
    ("what", "limit", "promised"),
    [
        ("open files of a peer", server.HANDLES_MAX, 8),
        ("how long an open file is idle", server.IDLE_NS, 10_000_000_000),
        ("answers that are awaited", replies.OUTSTANDING_MAX, 32),
        ("bytes of a piece", stream_server.PIECE_BYTES, 64 * KIB),
        ("seconds of a call for files", package_client.TIMEOUT_S, 5.0),
        ("bytes of a chunk", package_client.CHUNK_BYTES, 64 * KIB),
        ("seconds of a silent reader", package_service.SILENCE_S, 5.0),
        ("bytes read ahead, at least", range_file.AHEAD_BYTES_MIN, 64 * KIB),
        ("bytes read ahead, at most", range_file.AHEAD_BYTES_MAX, 4096 * KIB),
        ("records of a journal", replay.RECORDS_MAX, 100_000),
        ("bytes of a superblock", superblock.SUPERBLOCK_BYTES, 20),
        ("sectors of a region", superblock.REGION_SECTORS_MIN, 2),
        ("bytes around a record", record.OVERHEAD_BYTES, 15),
        ("bytes of a checkpoint", contents.CHECKPOINT_BYTES, 23),
        ("bytes of a call's head", call.HEAD_BYTES, 28),
        ("bytes of a call's entry", call.ENTRY_BYTES, 21),
        ("bytes that wait to be written", writer.WAITING_BYTES_MAX, 1024 * KIB),
        ("when a journal is compacted", journal.COMPACT_RATIO, 2),
        ("keys of a listing", listing.KEYS_MAX, 100_000),
        ("seconds of a call for state", state_client.TIMEOUT_S, 5.0),
        ("seconds of a silent transfer", state_service.SILENCE_S, 5.0),
        ("seconds of a transfer", state_service.LONGEST_S, 64.0),
        ("transfers that fetch at a time", transfer.GETS_MAX, 3),
        ("exit code where nothing is", state_tool.EXIT_NOTHING, 1),
        ("exit code of a bad disk", state_tool.EXIT_BAD, 2),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_limit_is_what_is_promised(what: str, limit: object, promised: object) -> None:
    assert limit == promised, what


def test_what_a_store_and_its_calls_are_where_nothing_is_said() -> None:
    assert left_out(Share) == {
        "peer_keys": 4096,
        "peer_bytes": 4096 * KIB,
        "reserve_keys": 512,
        "reserve_bytes": 1024 * KIB,
        "peers": 1,
    }
    assert left_out(call.Call) == {"identity": 0, "digest": bytes(16)}
    assert left_out(call.CallValue) == {"status": 0}
    assert left_out(Mount) == {
        "region": superblock.NO_REGION,
        "is_superblock_lost": False,
        "end": 0,
        "records": 0,
        "fault": record.Fault.SHORT_HEADER,
        "has_residue": False,
    }
    assert (superblock.NO_REGION.start, superblock.NO_REGION.sectors) == (0, 0)
    assert left_out(Step) == {"is_over": False}
