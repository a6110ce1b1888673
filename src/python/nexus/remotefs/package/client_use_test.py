"""A waiting client against a channel that is a table: what is sent and in which order, how much is
outstanding, and what is left open after each end."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable

import pytest

from nexus.remotefs.package.client import PackageClient, RemoteFile, payload_of
from nexus.remotefs.package.path import FolderError, PackageError
from nexus.remotefs.package.window import ChangedError
from nexus.wire.gateway import Response
from nexus.wire.gateway import Status as Outcome
from nexus.wire.packagefs import (
    CloseReply,
    CloseRequest,
    Kind,
    Op,
    OpenReply,
    PathRequest,
    ReadReply,
    ReadRequest,
    Request,
    StatReply,
    Status,
    decode_request,
)

NAME = "pkg:/a"
DATA = bytes(range(250)) * 4


class Channel:
    """Answers each request when it is waited for, the last one first if a test says so."""

    def __init__(self) -> None:
        self.session: int | None = 1
        self.sent: list[Request] = []
        self.most = 0
        self.is_reversed = False
        self.stat = StatReply(Status.OK, len(DATA))
        self.read: Callable[[ReadRequest], Response | bytes] = self.piece
        self._waiting: deque[tuple[int, Request]] = deque()

    def send(self, payload: bytes) -> int:
        request = decode_request(payload)
        self.sent.append(request)
        self._waiting.append((len(self.sent), request))
        self.most = max(self.most, len(self._waiting))
        return len(self.sent)

    def receive(self) -> Response:
        number, request = self._waiting.pop() if self.is_reversed else self._waiting.popleft()
        answer = self.answer(request)
        return Response(Outcome.OK, number, answer) if isinstance(answer, bytes) else answer

    def answer(self, request: Request) -> bytes | Response:
        match request:
            case PathRequest(op=Op.STAT):
                return self.stat.encode()
            case PathRequest():
                return OpenReply(Status.OK, 9).encode()
            case CloseRequest():
                return CloseReply(Status.OK).encode()
            case ReadRequest():
                return self.read(request)

    def piece(self, request: ReadRequest) -> bytes:
        data = DATA[request.offset : request.offset + request.length]
        return ReadReply(Status.OK, data).encode()

    @property
    def outstanding(self) -> int:
        return len(self._waiting)


def test_opening_asks_for_size_and_handle_and_closing_gives_the_handle_back() -> None:
    channel = Channel()
    client = PackageClient(channel)
    assert (client.session, client.outstanding_max, client.can_send()) == (1, 32, True)
    file = client.open(NAME)
    assert (file.name, file.size, file.tell()) == (NAME, len(DATA), 0)
    assert channel.sent == [PathRequest(Op.STAT, NAME), PathRequest(Op.OPEN, NAME)]
    file.close()
    file.close()
    assert channel.sent[2:] == [CloseRequest(9)]
    assert file.closed


@pytest.mark.parametrize("is_reversed", [False, True])
@pytest.mark.parametrize("most", [1, 2, 5])
def test_pieces_come_in_any_order_and_so_many_at_a_time(most: int, is_reversed: bool) -> None:
    channel = Channel()
    channel.is_reversed = is_reversed
    with PackageClient(channel, most).open(NAME) as file:
        assert file.read(300) == DATA[:300]
        assert file.read(200) == DATA[300:500]
        assert file.read(None) == DATA[500:]
        assert (file.read(1), file.tell()) == (b"", len(DATA))
        assert file.seek(2) == 2
        assert file.read(0) == b""
        assert file.read(-1) == DATA[2:]
    assert channel.most == most
    pieces = [each for each in channel.sent if isinstance(each, ReadRequest)]
    assert {each.handle for each in pieces} == {9}
    offsets = [each.offset for each in pieces]
    assert offsets[:8] == list(range(0, 1024, 128)), "each once"


def test_what_comes_next_is_under_way_while_the_caller_works() -> None:
    channel = Channel()
    with PackageClient(channel, 3).open(NAME) as file:
        assert file.read(128) == DATA[:128]
        assert channel.outstanding == 3
        file.seek(700)
        assert file.read(10) == DATA[700:710]
        assert channel.outstanding == 0, "a jump asks for nothing ahead"


def test_an_answer_to_nothing_is_dropped() -> None:
    channel = Channel()
    client = PackageClient(channel)
    answer = channel.answer
    extra = iter([Response(Outcome.OK, 99, b"of no request")])

    def receive() -> Response:
        return next(extra, None) or Channel.receive(channel)

    channel.receive = receive  # type: ignore[method-assign]  # A stand-in.
    assert client.stat(NAME) == len(DATA)
    assert answer(PathRequest(Op.STAT, NAME))
    assert client.can_send()


@pytest.mark.parametrize(
    ("outcome", "status", "text"),
    [
        (
            Outcome.REFUSED,
            Status.UNAUTHENTICATED,
            "UNAUTHENTICATED: n: refused by the peer: not permitted, or too often",
        ),
        (Outcome.FAILED, Status.IO, "IO: n: the peer's packages did not answer"),
    ],
)
def test_what_a_gateway_says_instead_is_one_line(
    outcome: Outcome, status: Status, text: str
) -> None:
    with pytest.raises(PackageError) as caught:
        payload_of(Response(outcome, 1, b"x"), "n")
    assert (caught.value.status, str(caught.value)) == (status, text)
    assert payload_of(Response(Outcome.OK, 1, b"x"), "n") == b"x"


def opened() -> tuple[Channel, RemoteFile]:
    channel = Channel()
    return channel, PackageClient(channel, 2).open(NAME)


def test_a_piece_that_fails_ends_the_reading_and_every_later_one() -> None:
    channel, file = opened()
    channel.read = lambda request: Response(Outcome.FAILED, len(channel.sent))
    for _ in range(2):
        with pytest.raises(PackageError, match="did not answer"):
            file.read(10)
    channel.read = channel.piece
    with pytest.raises(PackageError, match="did not answer"):
        file.read(10)
    assert file.tell() == 0, "nothing was read"
    file.close()


def test_a_session_lost_on_the_way_ends_the_file_which_closes_nothing_of_the_next() -> None:
    channel, file = opened()
    assert file.read(10) == DATA[:10]
    channel.session = None
    with pytest.raises(ChangedError) as caught:
        file.read(500)
    assert str(caught.value) == (
        "pkg:/a: the session was lost, and what was open with it; open it again"
    )
    sent = len(channel.sent)
    file.close()
    assert len(channel.sent) == sent


def test_a_closed_file_is_not_read() -> None:
    channel, file = opened()
    file.close()
    sent = len(channel.sent)
    with pytest.raises(ValueError, match=r"^read of a closed file$"):
        file.read(1)
    assert len(channel.sent) == sent


def test_a_file_that_was_left_open_is_closed_by_the_collector() -> None:
    channel, file = opened()
    del file
    gc.collect()
    assert channel.sent[-1] == CloseRequest(9)


def test_a_folder_or_a_name_that_cannot_be_is_not_opened() -> None:
    channel = Channel()
    channel.stat = StatReply(Status.OK, 0, Kind.FOLDER)
    client = PackageClient(channel)
    for ask in (client.stat, client.open):
        with pytest.raises(FolderError) as caught:
            ask(NAME)
        assert str(caught.value) == "IO: pkg:/a: is a folder"
    assert channel.sent == [PathRequest(Op.STAT, NAME)] * 2
    with pytest.raises(PackageError) as refused:
        client.stat("x")
    assert refused.value.status is Status.NON_PACKAGEFS_SCHEME
    assert len(channel.sent) == 2


@pytest.mark.parametrize("most", [0, -1])
def test_a_client_that_may_ask_nothing_is_refused(most: int) -> None:
    with pytest.raises(PackageError) as caught:
        PackageClient(Channel(), most)
    assert str(caught.value) == f"LIMIT: outstanding_max: {most}; expected at least 1"
    assert PackageClient(Channel(), 1).outstanding_max == 1
