"""Remote files and state, and the images and disks they come from.

What a checksum guards is fuzzed twice: as it comes, and with the checksum made right, so that
what lies behind it is reached.
"""

from __future__ import annotations

import struct
from hashlib import sha256

from nexus.config.records import BlobError, pack, unpack
from nexus.fuzz.target import Input, Target, packed
from nexus.image.bootfs import PAGE_BYTES
from nexus.image.bootfs import pack as pack_archive
from nexus.image.bootfs import unpack as unpack_archive
from nexus.image.error import ImageError
from nexus.image.package_image import SUPERBLOCK, PackageFile, build_image, read_image
from nexus.image.package_image_cases import rehash
from nexus.remotefs.package.backend import MemoryBackend
from nexus.remotefs.package.path import PackageError
from nexus.remotefs.package.replies import parse_contents
from nexus.remotefs.package.server import HANDLES_MAX, PackageServer
from nexus.remotefs.state.block import SECTOR_BYTES, MemoryDevice
from nexus.remotefs.state.checksum import crc32c
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.fsck import Verdict, check, repair
from nexus.remotefs.state.record import Op, Record, encode_checkpoint, encode_id
from nexus.remotefs.state.remote import RemoteState
from nexus.remotefs.state.store import Store
from nexus.remotefs.state.superblock import SUPERBLOCK_BYTES, Superblock
from nexus.wire.frame_cases import CASES
from nexus.wire.packagefs import decode_reply as decode_package_reply
from nexus.wire.state import decode_reply as decode_state_reply

_STEPS_MAX = 32
_SECTORS_MAX = 16
_IMAGE_BYTES_MAX = 65_536
_FILES = (
    PackageFile("demo", "1.0.0", "a/b", b"text" * 40),
    PackageFile("demo", "1.1.0", "c", b""),
    PackageFile("system", "1.0.0", "build.prop", b"x=1\n"),
)


def _frames(decode: str) -> list[bytes]:
    return [
        case.value.encode()
        for case in CASES
        if f"{case.decode.__module__.rpartition('.')[2]}-{case.decode.__name__}" == decode
    ]


def _run_package_server(data: bytes) -> None:
    """Every frame has one answer of the protocol, and eight handles are the most."""
    source = Input(data)
    server = PackageServer(MemoryBackend(_FILES))
    for step in source.steps(_STEPS_MAX):
        frame = source.piece()
        reply = server.answer(frame, is_authenticated=step != 0xFF)
        if len(frame) >= 4 and 1 <= frame[3] <= 4:
            decode_package_reply(reply)
        assert server.open_count <= HANDLES_MAX, f"{server.open_count} handles"


def _run_package_listing(data: bytes) -> None:
    try:
        for listed in parse_contents(data, "contents.txt"):
            assert listed.size >= 0
    except PackageError:
        return


def _run_state_server(data: bytes) -> None:
    """Every frame has one answer, and the disk it leaves says what the store says."""
    source = Input(data)
    device = MemoryDevice(bytes(_SECTORS_MAX * SECTOR_BYTES))
    store = Store(device)
    server = RemoteState(store)
    for step in source.steps(_STEPS_MAX):
        frame = source.piece()
        reply, _ = server.handle(None if step == 0xFF else "node-a", frame)
        if len(frame) >= 4 and 1 <= frame[3] <= 5:
            decode_state_reply(reply)
    store.sync()
    assert Store(device).snapshot() == store.snapshot(), "the disk says something else"


def _run_package_image(data: bytes) -> None:
    padded = _padded(data)
    for image in (data, padded, _rehashed(padded)):
        try:
            found = read_image(image)
        except ImageError:
            continue
        for entry in found.entries:
            assert len(found.read(entry)) == entry.size, f"{entry.name}"


def _padded(image: bytes) -> bytes:
    """Add the zeros that an image claims to end in; files lie far apart, inputs are short."""
    if len(image) < SUPERBLOCK.size:
        return image
    *_, data_off, data_len, _ = SUPERBLOCK.unpack_from(image)
    return image.ljust(min(data_off + data_len, _IMAGE_BYTES_MAX), b"\0")


def _rehashed(image: bytes) -> bytes:
    return rehash(image) if len(image) >= SUPERBLOCK.size else image


def _run_boot_archive(data: bytes) -> None:
    try:
        unpack_archive(data.ljust(2 * PAGE_BYTES, b"\0"))
    except ImageError:
        return


_DIGEST_AT = 12
_DIGEST_END = _DIGEST_AT + 32


def _run_config_blob(data: bytes) -> None:
    for blob in (data, _redigested(data)):
        try:
            unpack(blob)
        except BlobError:
            continue


def _redigested(blob: bytes) -> bytes:
    head = blob[:8] + struct.pack("<I", len(blob))
    return head + sha256(blob[_DIGEST_END:]).digest() + blob[_DIGEST_END:]


def _run_state_disk(data: bytes) -> None:
    """Any disk is mounted or refused, and a repaired one is clean and says the same."""
    content = data[: _SECTORS_MAX * SECTOR_BYTES]
    _check_disk(content + bytes(-len(content) % SECTOR_BYTES))


def _run_state_journal(data: bytes) -> None:
    """As `state-disk`, with every checksum right: records in any order and of any content."""
    source = Input(data)
    is_second_version = source.byte() % 2
    superblock = b""
    if is_second_version:
        body = source.take(SUPERBLOCK_BYTES - 4)
        superblock = (body + struct.pack("<I", crc32c(body))).ljust(SECTOR_BYTES, b"\0")
    journal = bytearray()
    for _ in source.steps(_STEPS_MAX):
        body = source.piece()
        journal += body + struct.pack("<I", crc32c(body))
    content = (superblock + journal).ljust(_SECTORS_MAX * SECTOR_BYTES, b"\0")
    _check_disk(content[: _SECTORS_MAX * SECTOR_BYTES])


def _check_disk(content: bytes) -> None:
    device = MemoryDevice(content)
    found = check(device)
    assert device.content == content, "a look changed the disk"
    try:
        before = Store(device).snapshot()
    except StateError:
        assert found.verdict is Verdict.UNRECOVERABLE, f"{found}"
        return
    if repair(device).verdict is Verdict.UNRECOVERABLE:
        return
    assert Store(device).snapshot() == before, "a repair changed what is stored"


_RECORDS = [
    Record(Op.PUT, "/state/a", b"1"),
    Record(Op.DELETE, "/state/a"),
    Record(Op.PREPARE, "", encode_id(7)),
    Record(Op.PAYLOAD, "/state/b", encode_id(7) + b"2"),
    Record(Op.COMMIT, "", encode_id(7)),
    Record(Op.SYNC),
]
_SNAPSHOT = [encode_checkpoint(1, 1), *_RECORDS]


def _journal(records: list[Record]) -> bytes:
    return b"".join(packed(0, record.encode()[:-4]) for record in records)


def _script(frames: list[bytes]) -> bytes:
    return b"".join(packed(0, frame) for frame in frames)


_DISK = b"".join(record.encode() for record in _RECORDS)
_SECOND = Superblock(0, 1, 1).encode()

TARGETS: tuple[Target, ...] = (
    Target("package-server", _run_package_server, (_script(_frames("packagefs-decode_request")),)),
    Target("package-listing", _run_package_listing, (b"00" * 32 + b" 5 a/b\n",)),
    Target("package-image", _run_package_image, (build_image(_FILES), build_image(_FILES[:1]))),
    Target("state-server", _run_state_server, (_script(_frames("state-decode_request")),)),
    Target("state-disk", _run_state_disk, (_DISK, _SECOND.ljust(SECTOR_BYTES, b"\0"))),
    Target(
        "state-journal",
        _run_state_journal,
        (b"\0" + _journal(_RECORDS), b"\1" + _SECOND[:-4] + _journal(_SNAPSHOT)),
    ),
    Target("boot-archive", _run_boot_archive, (pack_archive({"logd": b"\x7fELF"})[:-PAGE_BYTES],)),
    Target("config-blob", _run_config_blob, (pack({7: [(1, b"x"), (2, b"")], 9: []}),)),
)
