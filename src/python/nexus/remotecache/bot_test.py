"""A worker's session, against a server that is a list of answers."""

from __future__ import annotations

from pathlib import Path

import grpc  # pants: no-infer-dep; it comes with BuildGrid
import pytest
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as messages
from buildgrid._protos.google.devtools.remoteworkers.v1test2 import bots_pb2
from buildgrid._protos.google.rpc import code_pb2

from nexus.remotecache import bot as bots
from nexus.remotecache.bot import RejectedError
from nexus.remotecache.bot_fake import PATIENCE_SECONDS, Answer, Failure, Place, Server, session
from nexus.remotecache.reporting import RESULT_BYTES_MAX, Health, Outcome

JOINED = "joined as me, 2 processes at once"


@pytest.fixture(name="place")
def bot_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(bots, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(bots, "RETRY_SECONDS", 0)
    return Place(tmp_path, Outcome(messages.ActionResult(exit_code=3)))


def test_it_says_who_it_is_and_how_much_it_takes(place: Place) -> None:
    server = Server(session())
    place.bot.talk(server)
    [told] = server.told
    assert (told.bot_id, told.status) == ("me", bots_pb2.OK)
    assert [(p.key, p.value) for p in told.worker.devices[0].properties] == [("ISA", "x86-64")]
    assert [(c.key, c.value) for c in told.worker.configs] == [("capacity", "2")]


def test_a_lease_is_run_once_and_its_result_told_until_the_server_knows(place: Place) -> None:
    server = Server(
        session(a=bots_pb2.PENDING),
        session(a=bots_pb2.ACTIVE),
        session(a=bots_pb2.ACTIVE),
        session(),
    )
    place.bot.talk(server)
    place.bot.talk(server)
    assert server.told[1].leases[0].state == bots_pb2.ACTIVE
    place.execution.go.set()
    place.bot.held["a"].future.result(PATIENCE_SECONDS)
    place.bot.talk(server)
    place.bot.talk(server)
    for told in server.told[2:]:
        result = messages.ActionResult()
        assert told.leases[0].state == bots_pb2.COMPLETED
        assert told.leases[0].result.Unpack(result)
        assert result.exit_code == 3
    assert place.execution.began == ["a#1"]
    assert place.bot.held == {}


def test_what_could_not_be_run_is_given_back_to_be_tried_elsewhere(
    place: Place,
) -> None:
    place.execution.outcome = Outcome(None, "no room")
    place.execution.go.set()
    server = Server(session(a=bots_pb2.PENDING), session())
    place.bot.talk(server)
    place.bot.held["a"].future.result(PATIENCE_SECONDS)
    place.bot.talk(server)
    lease = server.told[1].leases[0]
    assert (lease.status.code, lease.status.message) == (code_pb2.UNAVAILABLE, "no room")


@pytest.mark.parametrize("answer", [session(), session(a=bots_pb2.CANCELLED)])
def test_what_was_taken_away_is_ended(answer: bots_pb2.BotSession, place: Place) -> None:
    server = Server(session(a=bots_pb2.PENDING), answer)
    place.bot.talk(server)
    place.bot.talk(server)
    assert place.execution.ended == ["a#1"]
    assert place.bot.held == {}


def test_a_session_that_is_lost_ends_what_ran_in_it_and_begins_anew(place: Place) -> None:
    server = Server(session(a=bots_pb2.PENDING), session())
    place.bot.talk(server)
    place.bot.failed(Failure(grpc.StatusCode.INVALID_ARGUMENT, "Bot does not exist"))
    assert place.execution.ended == ["a#1"]
    # Two machines of one name take the session from each other for ever.
    assert "another worker joined as me; give each its own --id (INVALID_" in place.said[-1]
    place.bot.talk(server)
    assert not server.told[1].name


def test_a_connection_that_is_lost_ends_nothing_and_is_said_once(place: Place) -> None:
    server = Server(session(a=bots_pb2.PENDING))
    place.bot.talk(server)
    for _ in range(3):
        place.bot.failed(Failure(grpc.StatusCode.UNAVAILABLE, "gone"))
    assert place.execution.ended == []
    assert place.said[1:] == ["UNAVAILABLE: gone"]
    place.execution.go.set()


@pytest.mark.parametrize(
    "code", [grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.FAILED_PRECONDITION]
)
def test_a_server_that_will_not_have_it_is_left(code: grpc.StatusCode, place: Place) -> None:
    with pytest.raises(RejectedError, match=r"why not"):
        place.bot.failed(Failure(code, "why not\nand more"))


def test_who_drains_begins_no_session_and_says_so_in_one_that_is(place: Place) -> None:
    server = Server(session(), session())
    place.bot.talk(server)
    place.state = Health.ENDING
    place.bot.talk(server)
    assert server.told[1].status == bots_pb2.BOT_TERMINATING
    place.bot.session = None
    place.bot.talk(server)
    assert len(server.told) == 2


@pytest.mark.parametrize("answer", [None, Failure(grpc.StatusCode.UNAVAILABLE, "gone")])
def test_one_that_is_told_to_end_at_once_does_not_wait_for_a_server_that_is_away(
    answer: Exception | None, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bots, "HURRY_SECONDS_MAX", 0.2)
    server = Server(session(a=bots_pb2.PENDING), *[answer] * 100_000)
    monkeypatch.setattr(f"{bots.__name__}.bots_pb2_grpc.BotsStub", lambda _channel: server)
    place.bot.talk(server)
    place.state = Health.ENDING
    place.bot.hurry()
    place.bot.run(lambda: True)
    assert place.execution.ended == ["a#1"]


def test_the_second_worker_of_a_name_gives_up(place: Place) -> None:
    sessions = [session()] * (bots.SHORT_SESSIONS_MAX - 1)
    server = Server(*sessions, session(a=bots_pb2.PENDING))
    for _ in range(bots.SHORT_SESSIONS_MAX - 1):
        place.bot.talk(server)
        place.bot.failed(Failure(grpc.StatusCode.DATA_LOSS, "mismatch"))
    place.bot.talk(server)
    with pytest.raises(RejectedError, match="another worker joins as me; give each its own --id"):
        place.bot.failed(Failure(grpc.StatusCode.DATA_LOSS, "mismatch"))
    assert place.execution.ended == ["a#1"]


def test_the_second_worker_gives_up_also_where_no_session_begins(place: Place) -> None:
    for _ in range(bots.SHORT_SESSIONS_MAX - 1):
        place.bot.failed(Failure(grpc.StatusCode.DATA_LOSS, "Bot not found"))
    with pytest.raises(RejectedError, match="give each its own --id"):
        place.bot.failed(Failure(grpc.StatusCode.INVALID_ARGUMENT, "Mismatch between client and"))


def test_a_server_that_is_started_again_and_again_is_joined_again(place: Place) -> None:
    server = Server(*[session()] * 10)
    for _ in range(10):
        place.bot.talk(server)
        place.bot.failed(Failure(grpc.StatusCode.INVALID_ARGUMENT, "Bot does not exist"))
    assert place.said.count(JOINED) == 10


def test_one_that_has_worked_for_long_does_not(place: Place) -> None:
    server = Server(*[session()] * 10)
    for _ in range(10):
        place.bot.talk(server)
        place.bot.joined -= bots.SHORT_SECONDS
        place.bot.failed(Failure(grpc.StatusCode.DATA_LOSS, "mismatch"))
    assert place.said.count(JOINED) == 10


def test_a_result_that_no_call_holds_is_a_failure_that_no_other_worker_meets(place: Place) -> None:
    place.execution.outcome = Outcome(messages.ActionResult(stdout_raw=bytes(RESULT_BYTES_MAX)))
    place.execution.go.set()
    server = Server(session(a=bots_pb2.PENDING), session())
    place.bot.talk(server)
    place.bot.held["a"].future.result(PATIENCE_SECONDS)
    place.bot.talk(server)
    lease = server.told[1].leases[0]
    assert lease.status.code == code_pb2.FAILED_PRECONDITION
    assert "a call holds" in lease.status.message
    assert server.told[1].ByteSize() < RESULT_BYTES_MAX


def test_results_that_no_call_holds_together_go_by_several(place: Place) -> None:
    half = messages.ActionResult(stdout_raw=bytes(RESULT_BYTES_MAX // 2))
    place.execution.outcome = Outcome(half)
    place.execution.go.set()
    both = session(a=bots_pb2.PENDING, b=bots_pb2.PENDING)
    server = Server(both, session(b=bots_pb2.ACTIVE), session())
    place.bot.talk(server)
    for held in place.bot.held.values():
        held.future.result(PATIENCE_SECONDS)
    place.bot.talk(server)
    place.bot.talk(server)
    states = [[lease.state for lease in told.leases] for told in server.told[1:]]
    assert states == [[bots_pb2.COMPLETED, bots_pb2.ACTIVE], [bots_pb2.COMPLETED]]
    assert all(told.ByteSize() <= RESULT_BYTES_MAX + 4096 for told in server.told)


class Late(Answer):
    """An answer that comes when its call was looked at often, unless that was given up by then."""

    def __init__(self, session: bots_pb2.BotSession) -> None:
        super().__init__(session)
        self.looks = 0

    def done(self) -> bool:
        self.looks += 1
        return self.looks > 9 and not self.cancelled


def test_results_are_reported_in_calls_that_are_not_given_up(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second result does not fit beside the first, and so is news while that is under way."""
    monkeypatch.setattr(bots, "CALL_SECONDS_MAX", 0.01)
    half = messages.ActionResult(stdout_raw=bytes(RESULT_BYTES_MAX // 2))
    place.execution.outcome = Outcome(half)
    place.execution.go.set()
    server = Server(session(a=bots_pb2.PENDING, b=bots_pb2.PENDING))
    place.bot.talk(server)
    for held in place.bot.held.values():
        held.future.result(PATIENCE_SECONDS)
    answers = [Late(session(b=bots_pb2.ACTIVE)), Late(session())]
    monkeypatch.setattr(server, "future", lambda *_request, **_how: answers.pop(0))
    first, second = answers
    place.bot.talk(server)
    assert list(place.bot.held) == ["b"]
    place.bot.talk(server)
    assert (first.cancelled, second.cancelled, place.bot.held) == (False, False, {})


def test_a_lease_that_comes_after_the_order_to_end_at_once_is_given_back(place: Place) -> None:
    server = Server(session(), session(a=bots_pb2.PENDING), session())
    place.bot.talk(server)
    place.state = Health.ENDING
    place.bot.hurry()
    place.bot.talk(server)
    assert place.execution.ended == ["a#1"]


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (grpc.StatusCode.UNAUTHENTICATED, "have the scope work; on the server: --grant NAME"),
        (grpc.StatusCode.UNIMPLEMENTED, "takes no processes; start it with --schedule"),
    ],
)
def test_a_refusal_says_what_would_be_taken(code: grpc.StatusCode, hint: str, place: Place) -> None:
    with pytest.raises(RejectedError, match=hint):
        place.bot.failed(Failure(code, "no"))
