"""A change that a peer repeats after it lost its session acts once, on the real guest.

Needs what Pants puts beside the test (see BUILD).
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

import pytest

from nexus.scene.packaged_support import boot
from nexus.scene.state_scene import LOG, STATE, Scene
from nexus.wire import log, samgr
from nexus.wire.gateway import RESPONSE_PAYLOAD_MAX
from nexus.wire.gateway import Status as Outcome
from nexus.wire.state import Op, Reply, Request, Status

WRITER, OTHER = "host-1", "host-2"
KEY: Final = "/state/shared/repeated"
EPOCH: Final = 7 << 32

# The guest has long answered then, and a silent session is not lost yet.
MEANWHILE_NS: Final = 100_000_000

CALLS_MAX: Final = 64


@pytest.fixture
def scene() -> Scene:
    return boot()


def lose_the_answer(scene: Scene, identity: int, request: Request) -> None:
    """Ask, and lose the session after the guest has answered and before the answer is read."""
    writer = scene.peers[WRITER]
    writer.is_deaf = True
    writer.ask(identity, STATE, request.encode())
    scene.run_for(MEANWHILE_NS)
    writer.lose_session()
    assert identity not in writer.answers


def reconnect(scene: Scene) -> None:
    scene.run_until(lambda: scene.peers[WRITER].is_ready)


def records_of(scene: Scene, operation: str) -> list[str]:
    """The records of the changes that the writer asked for."""
    key = sha256(KEY.encode()).hexdigest()[:16]
    prefix = f"audit remote statefs {operation} "
    found = [record for record in scene.records(OTHER) if record.message.startswith(prefix)]
    assert all(record.scope == "dsoftbusd" for record in found)
    mine = [record.message.removeprefix(prefix) for record in found if WRITER in record.message]
    suffix = f" peer={WRITER} key={key}"
    assert all(message.endswith(suffix) for message in mine), mine
    return [message.removesuffix(suffix) for message in mine]


def test_a_put_whose_answer_was_lost(scene: Scene) -> None:
    put = Request(Op.PUT, KEY, b"mine")
    lose_the_answer(scene, EPOCH + 1, put)
    # It took effect, and then another writer came.
    assert scene.value(OTHER, KEY) == b"mine"
    assert scene.state(OTHER, Request(Op.PUT, KEY, b"other")) == Reply(Op.PUT, Status.OK)
    reconnect(scene)
    assert scene.state(WRITER, put, EPOCH + 1) == Reply(Op.PUT, Status.OK)
    assert scene.value(OTHER, KEY) == b"other"
    assert records_of(scene, "put") == ["allow"]
    assert scene.console.count(f"dsoftbusd: session lost peer={WRITER}") == 1


def test_a_delete_whose_answer_was_lost(scene: Scene) -> None:
    assert scene.state(OTHER, Request(Op.PUT, KEY, b"old")) == Reply(Op.PUT, Status.OK)
    delete = Request(Op.DELETE, KEY, nonce=5)
    lose_the_answer(scene, EPOCH + 1, delete)
    assert scene.value(OTHER, KEY) is None
    assert scene.state(OTHER, Request(Op.PUT, KEY, b"new")) == Reply(Op.PUT, Status.OK)
    reconnect(scene)
    # The first answer: not that there is no such key, and not that the new one was removed.
    assert scene.state(WRITER, delete, EPOCH + 1) == Reply(Op.DELETE, Status.OK, nonce=5)
    assert scene.value(OTHER, KEY) == b"new"
    assert records_of(scene, "delete") == ["allow"]


def test_a_delete_that_found_nothing_finds_nothing_again(scene: Scene) -> None:
    delete = Request(Op.DELETE, KEY)
    lose_the_answer(scene, EPOCH + 1, delete)
    assert scene.state(OTHER, Request(Op.PUT, KEY, b"new")) == Reply(Op.PUT, Status.OK)
    reconnect(scene)
    assert scene.state(WRITER, delete, EPOCH + 1) == Reply(Op.DELETE, Status.NOT_FOUND)
    assert scene.value(OTHER, KEY) == b"new"
    assert records_of(scene, "delete") == ["reject status"]


def test_a_refused_change_is_refused_again_with_one_record(scene: Scene) -> None:
    put = Request(Op.PUT, "/state/shared//x", b"v")
    lose_the_answer(scene, EPOCH + 1, put)
    reconnect(scene)
    assert scene.state(WRITER, put, EPOCH + 1) == Reply(Op.PUT, Status.INVALID_KEY)
    messages = [record.message for record in scene.records(OTHER)]
    assert sum("statefs put reject prefix_escape" in message for message in messages) == 1


def test_what_is_no_repetition_runs(scene: Scene) -> None:
    for number, value in enumerate([b"1", b"2", b"2"], 1):
        reply = scene.state(WRITER, Request(Op.PUT, KEY, value), EPOCH + number)
        assert reply == Reply(Op.PUT, Status.OK)
    # The same number of another epoch, of another peer, or of none is another call.
    for name, identity in ((WRITER, EPOCH + (1 << 32) + 1), (OTHER, EPOCH + 1), (WRITER, 1)):
        assert scene.state(name, Request(Op.DELETE, KEY), identity) is not None
        assert scene.value(OTHER, KEY) is None
        assert scene.state(OTHER, Request(Op.PUT, KEY, b"3")) == Reply(Op.PUT, Status.OK)
    assert records_of(scene, "put") == ["allow"] * 3


def test_another_request_under_a_known_number_fails(scene: Scene) -> None:
    assert scene.state(WRITER, Request(Op.PUT, KEY, b"1"), EPOCH + 1) is not None
    for other in (Request(Op.PUT, KEY, b"2"), Request(Op.DELETE, KEY)):
        assert scene.state(WRITER, other, EPOCH + 1) is None
    assert scene.value(OTHER, KEY) == b"1"
    # Reading changes nothing, so its number may be anything.
    assert scene.state(WRITER, Request(Op.GET, KEY), EPOCH + 1) == Reply(Op.GET, Status.OK, b"1")
    outcomes = [r.message for r in scene.records(OTHER) if "outcome=failed" in r.message]
    assert len(outcomes) == 2


def test_a_forgotten_number_fails_and_has_no_effect(scene: Scene) -> None:
    for number in range(1, CALLS_MAX + 2):
        reply = scene.state(WRITER, Request(Op.PUT, KEY, b"%d" % number), EPOCH + number)
        assert reply == Reply(Op.PUT, Status.OK)
    assert scene.state(WRITER, Request(Op.PUT, KEY, b"1"), EPOCH + 1) is None
    assert scene.state(WRITER, Request(Op.PUT, KEY, b"2"), EPOCH + 2) == Reply(Op.PUT, Status.OK)
    assert scene.value(OTHER, KEY) == b"%d" % (CALLS_MAX + 1)


def test_the_log_is_read_and_not_written_to(scene: Scene) -> None:
    for _ in range(10):
        scene.value(OTHER, KEY)
    response = scene.call(OTHER, LOG, log.Query(0, 0xFFFF, nonce=9).encode())
    assert response.status is Outcome.OK
    assert len(response.payload) <= RESPONSE_PAYLOAD_MAX
    reply = log.decode_reply(response.payload)
    assert reply.nonce == 9
    assert 1 <= len(reply.records) < reply.total
    records = scene.records(OTHER)
    assert [record.id for record in records] == list(range(1, len(records) + 1))
    queries = [r.message for r in records if r.message.endswith("service=logd op=2")]
    assert queries[0] == f"audit remote call outcome=ok peer={OTHER} service=logd op=2"
    stats = log.decode_reply(scene.call(OTHER, LOG, log.Stats().encode()).payload)
    assert stats.capacity[0] == 128
    assert stats.total > len(records)
    append = log.Append(log.Level.INFO, "host", "forged")
    assert scene.call(OTHER, LOG, append.encode()).status is Outcome.REFUSED
    # A peer on no allowlist reads nothing.
    assert scene.call(WRITER, LOG, log.Stats().encode()).status is Outcome.REFUSED
    assert scene.console.count("dsoftbusd: remote proxy denied (service=logd)") == 2
    assert all("forged" not in record.message for record in scene.records(OTHER))


def test_a_peer_may_not_register_names(scene: Scene) -> None:
    register = samgr.Request(samgr.Op.REGISTER, "name").encode()
    assert scene.call(WRITER, 1, register, EPOCH + 1).status is Outcome.REFUSED
