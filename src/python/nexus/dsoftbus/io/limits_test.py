"""The limits of a node as numbers: docs/dsoftbus.md (*Bounds*) and docs/spec promise them.

Other tests reach these bounds, and take them from the code, or make them small.
"""

from __future__ import annotations

import pytest

from nexus.dsoftbus import (
    audit_desk,
    call_streams,
    candidates,
    half_open,
    log,
    mux,
    mux_stream,
    noise,
    replay,
    session,
    session_timers,
    transitions,
)
from nexus.dsoftbus.io import calls, dialler, discovery, link_owner, node, peer, service, settings
from nexus.dsoftbus.io import log as sending
from nexus.dsoftbus.io.counters import Counters
from nexus.dsoftbus.rate import Limit
from nexus.wire import rpc

SECOND = 1_000_000_000
KIB = 1024


@pytest.mark.parametrize(
    ("what", "limit", "promised"),
    [
        ("connections without a session", half_open.HALF_OPEN_MAX, 64),
        ("a handshake", session_timers.HANDSHAKE_NS, 2 * SECOND),
        ("frames of a session in one turn of the loop", link_owner.FRAMES_A_TURN, 64),
        ("trusted addresses of a peer", candidates.HOME_MAX + 2, 4),
        ("other addresses of a peer", candidates.OTHERS_MAX, 4),
        ("ports of a peer that are announced", discovery.PORTS_MAX, 4),
        ("a connection that is being closed", link_owner.LINGER_NS, SECOND),
        ("records of one source of strangers", audit_desk.STRANGER_RECORDS_MAX, 4),
        ("and in what time", audit_desk.INTERVAL_NS, 10 * SECOND),
        ("sources that are counted apart", audit_desk.SOURCES_MAX, 64),
        ("sessions of one peer", node.SESSIONS_PER_PEER_MAX, 4),
        ("calls in flight to a peer", calls.IN_FLIGHT_MAX, 128),
        ("calls served for a session", service.SERVING_MAX, 128),
        ("bytes that wait on a stream", mux_stream.BUFFER_BYTES_MAX, 256 * KIB),
        ("credit of a stream", mux_stream.CREDIT_MAX, 2**32 - 1),
        ("bytes received of a stream that begins", mux.MODEL.initial_credit, 64 * KIB),
        ("streams of the model", mux.MODEL.streams_max, 128),
        ("bytes of a message", noise.MESSAGE_BYTES_MAX, 65_535),
        ("bytes of a message without streams", transitions.MESSAGE_BYTES_MAX, 1040),
        ("one message", session_timers.FRAME_NS, 60 * SECOND),
        ("a message without a byte", session_timers.LOST_NS, 3 * SECOND),
        ("when a ping is sent", session_timers.PING_NS, SECOND),
        ("output of a session that is not taken", session.BACKLOG_BYTES_MAX, 16 * 1042),
        ("bytes of a tag", noise.TAG_BYTES, 16),
        ("bytes of each message of a handshake", noise.OVERHEAD_BYTES, (48, 48, 64)),
        ("changes in a log", log.CHANGES_MAX, 256),
        ("other records of peers in a log", log.RECORDS_MAX, 512),
        ("records of strangers in a log", log.STRANGERS_MAX, 64),
        ("records of losses in a log", log.LOSSES_MAX, 16),
        ("one record of losses in", sending._LOSSES_NS, 10 * SECOND),
        ("epochs of a peer", replay.EPOCHS_MAX, 4),
        ("calls of an epoch", replay.CALLS_MAX, 256),
        ("forgotten epochs", replay.RETIRED_MAX, 64),
        ("the priority of calls by frames", call_streams.GATEWAY_PRIORITY, 0),
        ("the priority of calls by messages", rpc.STREAM_PRIORITY, 0),
        ("seconds of a connection attempt", dialler.ATTEMPT_S, 2.0),
        ("the first pause of a dialler", dialler.BACKOFF_FIRST_S, 0.25),
        ("its longest pause", dialler.BACKOFF_MAX_S, 2.0),
        ("an announce's interval", settings.ANNOUNCE_MS, 250),
        ("how long an announce counts", settings.PEER_TTL_MS, 1500),
        ("seconds of a call if nothing is said", peer.TIMEOUT_S, 5.0),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_limit_is_what_the_documents_promise(what: str, limit: object, promised: object) -> None:
    assert limit == promised, what


def test_a_node_without_settings_of_its_own_is_this() -> None:
    given = settings.Settings(device_id="a", secret=b"s")
    assert (given.address, given.port, given.discovery_port) == ("127.0.0.1", 0, 37020)
    assert given.is_listening
    assert not given.is_multicast
    assert (given.announce, given.peers, given.rules) == ((), (), ())
    assert (given.announce_ms, given.peer_ttl_ms, given.grace_ms) == (250, 1500, 1000)
    assert given.rate == Limit(burst=32, per_second=16)
    assert given.streams == mux.MODEL
    assert given.rpc_mode is rpc.Mode.AUTO
    known = settings.PeerSettings(device_id="b", public_key=b"k", address="10.0.0.1")
    assert (known.discovery_port, known.port, known.is_deduplicating) == (37020, None, False)
    assert settings.Call("b", 1, 4, b"").correlation == 0


def test_a_node_that_has_done_nothing_has_counted_nothing() -> None:
    counted = Counters().snapshot()
    assert set(counted.values()) == {0}
    assert len(counted) == 20
