"""Values above a frame's go to the real guest and back, whole or not at all.

Needs what Pants puts beside the test (see BUILD).
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256, shake_256
from typing import Final

import pytest

from nexus.scene.packaged_support import boot
from nexus.scene.state_scene import Scene
from nexus.wire.state import Op, Request, Status
from nexus.wire.transfer import HEAD_BYTES, REPLY_BYTES, Reply, Stage
from nexus.wire.transfer import Op as Way
from nexus.wire.transfer import Request as Head

WRITER, OTHER, READER = "host-1", "host-2", "host-3"
KEY: Final = "/state/shared/large"
MOST: Final = 65_536
EPOCH: Final = 9 << 32

WORDS: Final = shake_256(b"a large value").digest(MOST)
OLD: Final = b"what was there before"

# More than a store has open at once: what was not aborted would be in the way.
OFTEN: Final = 9

UNWANTED, UNKNOWN, SENSELESS = 0, 1, 2
SILENCE_NS: Final = 5_000_000_000
MEANWHILE_NS: Final = 100_000_000


@pytest.fixture
def scene() -> Scene:
    scene = boot()
    assert scene.state(OTHER, Request(Op.PUT, KEY, OLD)) is not None
    return scene


def done(size: int) -> Reply:
    return Reply(Way.PUT, Status.OK, Stage.DONE, size)


def refused(status: Status) -> Reply:
    return Reply(Way.PUT, status, Stage.DONE)


def records(scene: Scene, text: str) -> list[str]:
    return [record.message for record in scene.records(OTHER) if text in record.message]


def put_records(scene: Scene) -> list[str]:
    """The outcomes of the writer's puts of the one key."""
    suffix = f" peer={WRITER} key={sha256(KEY.encode()).hexdigest()[:16]}"
    found = [message for message in records(scene, "statefs put") if WRITER in message]
    assert all(message.endswith(suffix) for message in found), found
    return [message.removesuffix(suffix).partition("put ")[2] for message in found]


@pytest.mark.parametrize("size", [1, 128, 129, 4096, 4097, MOST])
def test_a_value_goes_and_comes_back(scene: Scene, size: int) -> None:
    assert scene.put(WRITER, KEY, WORDS[:size]) == done(size)
    assert scene.get(OTHER, KEY) == WORDS[:size]
    assert scene.get(READER, KEY) == WORDS[:size]
    assert put_records(scene) == ["allow"]
    gets = records(scene, "outcome=ok peer=host-3 service=statefsd op=2")
    assert len(gets) == 1
    # A peer that asks by a frame gets the value, or learns that it is too large for a frame.
    reply = scene.state(OTHER, Request(Op.GET, KEY))
    assert reply is not None
    assert (reply.status is Status.OK) == (size <= 129)
    assert "dsoftbusd: remote statefs served" in scene.console


def test_what_may_not_be_is_told_before_it_is_sent(scene: Scene) -> None:
    long = "/state/shared/" + "k" * 83
    for key, size, status in (
        (KEY, 0, Status.VALUE_TOO_LARGE),
        (KEY, MOST + 1, Status.VALUE_TOO_LARGE),
        ("/state/secret", 200, Status.ACCESS_DENIED),
        ("/state/shared/../secret", 200, Status.INVALID_KEY),
        ("", 200, Status.MALFORMED),
    ):
        assert scene.put(WRITER, key, bytes(size)) == refused(status), key
    # No byte of a key that is too long is awaited.
    head = Head(Way.PUT, 0, KEY, 9).encode()[:12] + bytes([97, 0, 0, 0, 9, 0, 0, 0])
    assert scene.reply(WRITER, scene.begin_transfer(WRITER, head)) == refused(
        Status.VALUE_TOO_LARGE
    )
    assert scene.get(OTHER, "/state/shared/none") is Status.NOT_FOUND
    assert scene.get(OTHER, "/state/secret") is Status.ACCESS_DENIED
    assert scene.state(OTHER, Request(Op.GET, long)) is not None
    reasons = [message.split(" peer=")[0] for message in records(scene, "statefs put reject")]
    rejects = ["oversized", "oversized", "outside_acl", "prefix_escape", "bad_request", "oversized"]
    assert reasons == [f"audit remote statefs put reject {reject}" for reject in rejects]


def test_who_may_only_read_writes_nothing(scene: Scene) -> None:
    assert scene.put(READER, KEY, WORDS) == refused(Status.ACCESS_DENIED)
    assert scene.get(OTHER, KEY) == OLD
    assert "dsoftbusd: remote proxy denied (service=statefsd)" in scene.console
    denied = "audit remote call outcome=denied-service peer=host-3 service=statefsd op=1"
    assert records(scene, "denied") == [denied]


@pytest.mark.parametrize("sent", [0, 5000, MOST])
def test_a_session_that_is_lost_on_the_way_leaves_the_old_value(scene: Scene, sent: int) -> None:
    writer = scene.peers[WRITER]
    request = Head(Way.PUT, EPOCH + 1, KEY, MOST).encode()
    for _ in range(OFTEN):
        stream = scene.begin_transfer(WRITER, request)
        assert scene.reply(WRITER, stream).stage is Stage.GO_AHEAD
        writer.say(stream, WORDS[:sent])
        scene.run_for(MEANWHILE_NS)
        writer.lose_session()
        scene.run_until(lambda: writer.is_ready)
    assert scene.get(OTHER, KEY) == OLD
    assert put_records(scene) == ["reject status"] * OFTEN
    # A transfer that was not finished is not a repetition.
    assert scene.put(WRITER, KEY, WORDS, EPOCH + 1) == done(MOST)
    assert scene.get(OTHER, KEY) == WORDS


def test_a_put_whose_answer_was_lost_is_not_made_again(scene: Scene) -> None:
    writer = scene.peers[WRITER]
    stream = scene.begin_transfer(WRITER, Head(Way.PUT, EPOCH + 1, KEY, MOST).encode())
    assert scene.reply(WRITER, stream).stage is Stage.GO_AHEAD
    assert writer.say(stream, WORDS) == MOST
    # All of it but its end arrives, and what comes then is not read any more.
    scene.run_for(10 * MEANWHILE_NS)
    writer.is_deaf = True
    writer.close(stream)
    scene.run_for(MEANWHILE_NS)
    writer.lose_session()
    assert scene.get(OTHER, KEY) == WORDS
    assert scene.put(OTHER, KEY, WORDS[::-1]) == done(MOST)
    scene.run_until(lambda: writer.is_ready)
    # The first answer at once: no value is asked for.
    assert scene.put(WRITER, KEY, WORDS, EPOCH + 1) == done(MOST)
    assert scene.get(OTHER, KEY) == WORDS[::-1]
    assert put_records(scene) == ["allow"]
    # Another head under that number, and a small put, are something else.
    assert scene.put(WRITER, KEY, WORDS[1:], EPOCH + 1) == refused(Status.IO_ERROR)
    assert scene.state(WRITER, Request(Op.PUT, KEY, b"small"), EPOCH + 1) is None
    assert scene.get(OTHER, KEY) == WORDS[::-1]


@pytest.mark.parametrize("sent", [0, HEAD_BYTES - 1, HEAD_BYTES, HEAD_BYTES + 3])
def test_a_head_that_ends_too_early(scene: Scene, sent: int) -> None:
    request = Head(Way.PUT, 0, KEY, MOST).encode()
    stream = scene.peers[WRITER].open("state/transfer", 6)
    scene.peers[WRITER].say(stream, request[:sent])
    scene.peers[WRITER].close(stream)
    assert scene.wait_reset(WRITER, stream) == SENSELESS
    malformed = f"audit remote call outcome=denied-malformed peer={WRITER} service=statefsd op=-"
    assert records(scene, "denied") == [malformed]
    assert "dsoftbusd: remote proxy denied (malformed)" in scene.console


@pytest.mark.parametrize("place", [0, 2, 3, 14])
def test_what_is_no_head(scene: Scene, place: int) -> None:
    request = bytearray(Head(Way.PUT, 0, KEY, MOST).encode())
    request[place] ^= 0x55
    stream = scene.begin_transfer(WRITER, bytes(request))
    assert scene.wait_reset(WRITER, stream) == SENSELESS
    assert len(records(scene, "denied-malformed")) == 1
    # The session goes on.
    assert scene.put(WRITER, KEY, WORDS) == done(MOST)


def close_early(scene: Scene, stream: int) -> None:
    scene.peers[WRITER].say(stream, WORDS[:8999])
    scene.peers[WRITER].close(stream)
    check_end(scene, stream, SENSELESS)


def say_too_much(scene: Scene, stream: int) -> None:
    scene.peers[WRITER].say(stream, WORDS[:9001])
    check_end(scene, stream, SENSELESS)


def give_up(scene: Scene, stream: int) -> None:
    scene.peers[WRITER].say(stream, WORDS[:8999])
    scene.run_for(MEANWHILE_NS)
    scene.peers[WRITER].reset(stream)
    scene.run_for(MEANWHILE_NS)


def fall_silent(scene: Scene, stream: int) -> None:
    scene.peers[WRITER].say(stream, WORDS[:8999])
    check_end(scene, stream, UNWANTED)


def check_end(scene: Scene, stream: int, reason: int) -> None:
    """The guest resets the stream, and only a silent one after a while."""
    before = scene.world.now_ns
    assert scene.wait_reset(WRITER, stream) == reason
    assert (scene.world.now_ns - before >= SILENCE_NS) == (reason == UNWANTED)


@pytest.mark.parametrize(
    ("end", "times"),
    [(close_early, OFTEN), (say_too_much, OFTEN), (give_up, OFTEN), (fall_silent, 1)],
    ids=["too early", "too late", "reset", "silent"],
)
def test_a_put_that_does_not_end_as_it_should(
    scene: Scene, end: Callable[[Scene, int], None], times: int
) -> None:
    for _ in range(times):
        stream = scene.begin_transfer(WRITER, Head(Way.PUT, 0, KEY, 9000).encode())
        assert scene.reply(WRITER, stream).stage is Stage.GO_AHEAD
        end(scene, stream)
    assert scene.get(OTHER, KEY) == OLD
    assert set(put_records(scene)) == {"reject status"}
    assert scene.put(WRITER, KEY, WORDS) == done(MOST)


def test_a_value_that_changes_while_it_is_read(scene: Scene) -> None:
    assert scene.put(WRITER, KEY, WORDS) == done(MOST)
    stream = scene.begin_transfer(READER, Head(Way.GET, 0, KEY).encode())
    heard = scene.peers[READER].streams[stream]
    scene.run_until(lambda: len(heard.data) > 0)
    assert scene.state(OTHER, Request(Op.PUT, KEY, b"x")) is not None
    assert scene.wait_reset(READER, stream) == UNWANTED
    assert not heard.is_closed
    assert len(heard.data) < MOST
    assert scene.get(READER, KEY) == b"x"


def test_another_key_may_change_while_a_value_is_read(scene: Scene) -> None:
    assert scene.put(WRITER, KEY, WORDS) == done(MOST)
    stream = scene.begin_transfer(READER, Head(Way.GET, 0, KEY).encode())
    heard = scene.peers[READER].streams[stream]
    scene.run_until(lambda: len(heard.data) > 0)
    assert scene.state(OTHER, Request(Op.PUT, "/state/shared/another", b"x")) is not None
    assert not heard.is_closed
    scene.run_until(lambda: heard.is_closed)
    assert heard.data[REPLY_BYTES:] == WORDS


def test_transfers_of_several_sessions_and_calls_beside_them(scene: Scene) -> None:
    values = {WRITER: WORDS, OTHER: WORDS[::-1]}
    streams = {}
    for name, value in values.items():
        request = Head(Way.PUT, 0, f"{KEY}/{name}", len(value)).encode()
        streams[name] = scene.begin_transfer(name, request)
    for name, value in values.items():
        assert scene.reply(name, streams[name]).stage is Stage.GO_AHEAD
        assert scene.peers[name].say(streams[name], value) == len(value)
        # The gateway's stream goes before it.
        assert scene.value(OTHER, KEY) == OLD
        scene.peers[name].close(streams[name])
    for name, value in values.items():
        assert scene.reply(name, streams[name]) == done(len(value))
        assert scene.get(READER, f"{KEY}/{name}") == value


def test_a_stream_that_is_unknown_is_told_so(scene: Scene) -> None:
    stream = scene.peers[WRITER].open("state/other", 6)
    assert scene.wait_reset(WRITER, stream) == UNKNOWN


def test_the_newest_of_two_writers_has_the_last_word(scene: Scene) -> None:
    """Each put is one moment, its CLOSE: which of two is last decides, whichever began first."""
    first = scene.begin_transfer(WRITER, Head(Way.PUT, 0, KEY, MOST).encode())
    assert scene.reply(WRITER, first).stage is Stage.GO_AHEAD
    assert scene.put(OTHER, KEY, WORDS[::-1]) == done(MOST)
    scene.peers[WRITER].say(first, WORDS)
    scene.peers[WRITER].close(first)
    assert scene.reply(WRITER, first) == done(MOST)
    assert scene.get(READER, KEY) == WORDS


def test_large_values_are_written_for_ever(scene: Scene) -> None:
    """Two values are live; the rest of the journal makes room again and again."""
    for number in range(16):
        key = f"{KEY}/{number % 2}"
        value = WORDS[number:] + WORDS[:number]
        assert scene.put(WRITER, key, value) == done(MOST), number
        assert scene.get(READER, key) == value
    assert "statefsd: compaction done" in scene.console
    assert scene.state(WRITER, Request(Op.SYNC)) is not None
