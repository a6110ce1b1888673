"""The server plays the whole table over both backends, and lives on after anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nexus.image import package
from nexus.image.package_image import PackageFile, build_image, read_image
from nexus.remotefs.package.backend import (
    Backend,
    BackendError,
    File,
    ImageBackend,
    MemoryBackend,
)
from nexus.remotefs.package.request_cases import CASES, FILES, FOLDER, MANIFESTS, Case
from nexus.remotefs.package.server import HANDLES_MAX, IDLE_NS, PackageServer
from nexus.remotefs.package.tree import FOLDER as A_FOLDER
from nexus.remotefs.package.tree import Folder
from nexus.wire.packagefs import (
    READ_BYTES_MAX,
    CloseRequest,
    Op,
    OpenReply,
    PathRequest,
    ReadReply,
    ReadRequest,
    StatReply,
    Status,
    decode_reply,
)

PROP = "pkg:/system/build.prop"

BACKENDS: dict[str, Callable[[], Backend]] = {
    "memory": lambda: MemoryBackend(FILES),
    "image": lambda: ImageBackend(read_image(build_image(FILES))),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_sequence_of_the_table_has_its_replies(case: Case, backend: str) -> None:
    source = BACKENDS[backend]()
    servers = [PackageServer(source), PackageServer(source)]
    for step in case.steps:
        server = servers[step.session]
        before = server.open_count
        reply = server.answer(step.request, is_authenticated=step.is_authenticated)
        assert reply.hex() == step.reply.hex(), step.request
        assert reply[4] == Status.OK or server.open_count == before


def test_the_table_covers_every_status_and_operation() -> None:
    replies = [step.reply for case in CASES for step in case.steps]
    assert {reply[4] for reply in replies} == set(Status)
    assert {reply[3] & 0x7F for reply in replies} >= set(Op)
    assert len({case.name for case in CASES}) == len(CASES) > 25


def test_the_tables_files_are_those_of_the_image(tmp_path: Path) -> None:
    out = tmp_path / "packages.img"
    named = [word for name in MANIFESTS for word in ("--manifest", str(FOLDER / name))]
    assert package.main([*named, "--out", str(out)]) == 0
    image = read_image(out.read_bytes())
    built = {entry.name: image.read(entry) for entry in image.entries}
    for file in FILES:
        assert built[f"{file.bundle}@{file.version}/{file.path}"] == file.data
    assert len(built["system@1.0.0/data/noise.bin"]) == 1 << 20
    # The table asks for nothing else by a name that would be found.
    assert set(built) == {f"{f.bundle}@{f.version}/{f.path}" for f in FILES} | {
        "system@1.0.0/data/noise.bin",
        *(f"{bundle}/contents.txt" for bundle in ("demo@0.9.0", "demo@1.0.0", "system@1.0.0")),
    }


class Broken:
    """A backend whose medium fails; `huge` is a file longer than an offset can say."""

    def find(self, name: str) -> File | Folder | None:
        """Fail, or find."""
        match name:
            case "a/fails":
                raise BackendError("the medium")
            case "a/huge":
                return File(1 << 32, None)
            case "a":
                return A_FOLDER
        return File(10, None)

    def read(self, file: File, offset: int, length: int) -> bytes:
        """Fail."""
        raise BackendError("the medium")


def ask(
    server: PackageServer, request: PathRequest | ReadRequest | CloseRequest, now_ns: int = 0
) -> object:
    return decode_reply(server.answer(request.encode(), is_authenticated=True, now_ns=now_ns))


def test_a_backend_that_fails_is_told_as_io() -> None:
    server = PackageServer(Broken())
    assert ask(server, PathRequest(Op.STAT, "pkg:/a/fails")) == StatReply(Status.IO)
    assert ask(server, PathRequest(Op.OPEN, "pkg:/a/fails")) == OpenReply(Status.IO)
    assert ask(server, PathRequest(Op.STAT, "pkg:/a/huge")) == StatReply(Status.OK, 1 << 32)
    assert ask(server, PathRequest(Op.OPEN, "pkg:/a/huge")) == OpenReply(Status.IO)
    assert ask(server, PathRequest(Op.OPEN, "pkg:/a/b")) == OpenReply(Status.OK, 1)
    assert ask(server, ReadRequest(1, 0, 1)) == ReadReply(Status.IO)
    assert server.open_count == 1


def test_handles_die_with_the_session_and_with_the_mount() -> None:
    server = PackageServer(MemoryBackend(FILES))
    for end in (server.end, lambda: server.mount(MemoryBackend(FILES))):
        reply = ask(server, PathRequest(Op.OPEN, PROP))
        assert isinstance(reply, OpenReply)
        end()
        assert server.open_count == 0
        assert ask(server, ReadRequest(reply.handle, 0, 1)) == ReadReply(Status.BADF)


def test_a_mount_shows_the_other_packages() -> None:
    server = PackageServer(MemoryBackend(FILES))
    server.mount(MemoryBackend([PackageFile("system", "2", "build.prop", b"new")]))
    assert ask(server, PathRequest(Op.STAT, PROP)) == StatReply(Status.OK, 3)


def test_numbers_wrap_skipping_zero_and_those_in_use() -> None:
    server = PackageServer(MemoryBackend(FILES))
    assert ask(server, PathRequest(Op.OPEN, PROP)) == OpenReply(Status.OK, 1)
    server._next = (1 << 32) - 1
    assert ask(server, PathRequest(Op.OPEN, PROP)) == OpenReply(Status.OK, (1 << 32) - 1)
    assert ask(server, PathRequest(Op.OPEN, PROP)) == OpenReply(Status.OK, 2)


def test_of_eight_handles_the_one_unused_for_the_longest_time_makes_room_when_it_is_idle() -> None:
    server = PackageServer(MemoryBackend(FILES))
    another = PathRequest(Op.OPEN, PROP)

    def status_of(handle: int, now_ns: int) -> Status:
        reply = ask(server, ReadRequest(handle, 0, 1), now_ns)
        assert isinstance(reply, ReadReply)
        return reply.status

    for number in range(HANDLES_MAX):
        assert ask(server, another, number) == OpenReply(Status.OK, number + 1)
    # The first one is read from, so the second one is the oldest.
    assert status_of(1, 100) is Status.OK
    assert ask(server, another, IDLE_NS) == OpenReply(Status.LIMIT)
    assert ask(server, PathRequest(Op.OPEN, "pkg:/no"), IDLE_NS + 1) == OpenReply(Status.NOT_FOUND)
    assert ask(server, another, IDLE_NS + 1) == OpenReply(Status.OK, 9)
    assert status_of(2, IDLE_NS + 1) is Status.BADF
    assert {status_of(handle, IDLE_NS + 1) for handle in (1, 4, 5, 6, 7, 8, 9)} == {Status.OK}
    # Only the third of the unused handles is old enough; then there is none left.
    assert ask(server, another, IDLE_NS + 2) == OpenReply(Status.OK, 10)
    assert status_of(3, IDLE_NS + 2) is Status.BADF
    assert ask(server, another, IDLE_NS + 2) == OpenReply(Status.LIMIT)
    assert server.open_count == HANDLES_MAX


@given(st.lists(st.binary(max_size=260), max_size=20), st.booleans())
def test_any_frame_gets_one_answer(frames: list[bytes], is_authenticated: bool) -> None:
    server = PackageServer(MemoryBackend(FILES))
    for frame in frames:
        for whole in (frame, b"PK\x01" + frame, b"PK\x01\x02\x0a\0pkg:/" + frame):
            reply = server.answer(whole, is_authenticated=is_authenticated)
            assert reply[:3] == b"PK\x01"
            assert 5 <= len(reply) <= 7 + READ_BYTES_MAX
            assert reply[3] & 0x80
    assert server.open_count <= HANDLES_MAX
    assert isinstance(ask(server, PathRequest(Op.STAT, PROP)), StatReply)


SEGMENTS = st.sampled_from(
    ["system", "build.prop", "..", ".", "", "data", "\\", "@", "é", "\0", "%2e"]
)


@given(
    st.sampled_from(["pkg:/", "/packages/", "file:/", "", "pkg:"]), st.lists(SEGMENTS, max_size=6)
)
def test_no_path_leads_out_of_the_packages(scheme: str, segments: list[str]) -> None:
    names: list[str] = []

    class Recorder(MemoryBackend):
        def find(self, name: str) -> File | Folder | None:
            names.append(name)
            return super().find(name)

    path = scheme + "/".join(segments)
    assume(path)
    server = PackageServer(Recorder(FILES))
    reply = ask(server, PathRequest(Op.STAT, path))
    assert len(names) <= 1
    for name in names:
        assert not set(name.split("/")) & {"", ".", ".."}
        assert "\\" not in name
        assert "\0" not in name
    is_found = isinstance(reply, StatReply) and reply.status is Status.OK
    assert not is_found or path.removeprefix(scheme).split("@")[0].startswith("system")
