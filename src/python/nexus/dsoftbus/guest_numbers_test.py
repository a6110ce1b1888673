"""The host's numbers are the guest's: read from its sources, so that none can drift.

Each row names a constant or an enumeration in a zig file and the value the host has.  A constant
that was renamed or moved fails too: the table is then to be corrected along with the move.
"""

from __future__ import annotations

import re
from enum import IntEnum
from pathlib import Path

import pytest

from nexus.config import bounds, defaults, records
from nexus.core.identity import SERVICE_NAME_BYTES_MAX
from nexus.dsoftbus import (
    audit,
    discovery,
    mux_schedule,
    mux_transitions,
    policy,
    session,
    session_events,
    transitions,
)
from nexus.image import bootfs
from nexus.remotefs.state import acl
from nexus.remotefs.state.io import service
from nexus.wire import (
    announce,
    bundle,
    bundle_image,
    front,
    gateway,
    log,
    mux,
    packagefs,
    samgr,
    state,
    transfer,
)
from nexus.wire import policy as po

GUEST = Path(__file__).parents[4] / "src/guest"

_CONSTANT = re.compile(r"^\s*(?:pub )?const (\w+)(?:: \w+)? = ([^{};]+);", re.MULTILINE)
_ENUM = re.compile(
    r"^\s*(?:pub )?const (\w+) = enum(?:\(\w+\))? \{(.*?)\n?\};", re.MULTILINE | re.DOTALL
)
_SUM = re.compile(r"[\w.]+(?: [*+-] [\w.]+)*")


def read(file: str) -> str:
    """The sources that a name or a pattern stands for; a protocol may be spread over several."""
    found = sorted(GUEST.glob(file))
    assert found, f"{file} is no source of the guest; correct the table"
    return "\n".join(path.read_text() for path in found)


def constants(file: str) -> dict[str, int | str]:
    """Every constant of a file that is a number, a text, or a sum or product of earlier ones."""
    found: dict[str, int | str] = {"std.time.ns_per_s": 10**9, "std.time.ns_per_ms": 10**6}
    for name, text in _CONSTANT.findall(read(file)):
        value = evaluate(text.strip(), found)
        if value is not None:
            found.setdefault(name, value)
    return found


def evaluate(text: str, known: dict[str, int | str]) -> int | str | None:
    if text.startswith('"') and text.endswith('"'):
        return text[1:-1]
    if _SUM.fullmatch(text) is None:
        return None
    total, product, sign = 0, 1, 1
    for token in text.split():
        if token in "+-":
            total, product, sign = total + sign * product, 1, 1 if token == "+" else -1
        elif token != "*":
            value = known.get(token, token)
            try:
                product *= int(value, 0) if isinstance(value, str) else value
            except ValueError:
                return None
    return total + sign * product


def enumeration(file: str, name: str) -> dict[str, int | None]:
    """The members of an enumeration, with their numbers where it gives them."""
    bodies = dict(_ENUM.findall(read(file)))
    members: dict[str, int | None] = {}
    for line in re.sub(r"//.*", "", bodies[name]).split("\n    pub fn")[0].split(","):
        match = re.fullmatch(r'\s*(?:@"([^"]+)"|(\w+))(?: = (\w+))?\s*', line)
        if match and (match[1] or match[2]) != "_":
            members[match[1] or match[2]] = int(match[3], 0) if match[3] else None
    return members


# `error` is a keyword of zig.
_ZIG_NAMES = {"error": "err"}

BUS, WIRE = "lib/dsoftbus", "lib/wire"
NUMBERS: list[tuple[str, str, int | str]] = [
    (f"{BUS}/announce.zig", "port", announce.PORT),
    (f"{BUS}/announce.zig", "magic", announce.MAGIC.decode()),
    (f"{BUS}/announce.zig", "version", announce.VERSION),
    (f"{BUS}/announce.zig", "services_max", announce.SERVICES_MAX),
    (f"{BUS}/announce.zig", "name_bytes_max", announce.NAME_BYTES_MAX),
    (f"{BUS}/config.zig", "peers_max", bounds.PEERS_MAX),
    (f"{BUS}/config.zig", "rules_max", bounds.ALLOW_MAX),
    (f"{BUS}/discovery.zig", "entries_max", discovery.ENTRIES_MAX),
    (f"{BUS}/frames.zig", "plaintext_bytes_max", gateway.FRAME_BYTES_MAX),
    (f"{BUS}/frames.zig", "request_head", gateway.REQUEST_HEAD_BYTES),
    (f"{BUS}/frames.zig", "response_head", gateway.RESPONSE_HEAD_BYTES),
    (f"{BUS}/frames.zig", "request_payload_max", gateway.REQUEST_PAYLOAD_MAX),
    (f"{BUS}/frames.zig", "response_payload_max", gateway.RESPONSE_PAYLOAD_MAX),
    (f"{BUS}/frames.zig", "ping_bytes", gateway.PING_BYTES),
    (f"{BUS}/frames.zig", "deadline_ms_max", gateway.DEADLINE_MS_MAX),
    (f"{BUS}/id.zig", "bytes_max", transitions.DEVICE_ID_BYTES_MAX),
    (f"{BUS}/mux_frames.zig", "version", mux.VERSION),
    (f"{BUS}/mux_frames.zig", "data_bytes_max", mux.DATA_BYTES_MAX),
    (f"{BUS}/mux_frames.zig", "name_bytes_max", mux.NAME_BYTES_MAX),
    (f"{BUS}/mux_frames.zig", "message_bytes_least", mux.MESSAGE_BYTES_LEAST),
    (f"{BUS}/mux_frames.zig", "message_bytes_most", mux.MESSAGE_BYTES_MAX),
    (f"{BUS}/mux_schedule.zig", "burst_max", mux_schedule.BURST_FRAMES),
    (f"{BUS}/session.zig", "prologue", session.PROLOGUE.decode()),
    (f"{BUS}/session.zig", "handshake_ns", session.HANDSHAKE_NS),
    (f"{BUS}/session.zig", "ping_ns", session.PING_NS),
    (f"{BUS}/session.zig", "lost_ns", session.LOST_NS),
    (f"{BUS}/audit.zig", "scope", audit.SCOPE),
    (f"{WIRE}/sm.zig", "magic", samgr.MAGIC.decode()),
    (f"{WIRE}/sm.zig", "version", samgr.VERSION),
    (f"{WIRE}/sm.zig", "register_name_bytes_max", samgr.REGISTER_NAME_BYTES_MAX),
    (f"{WIRE}/sm.zig", "resolve_name_bytes_max", samgr.RESOLVE_NAME_BYTES_MAX),
    (f"{WIRE}/bn.zig", "magic", bundle.MAGIC.decode()),
    (f"{WIRE}/bn.zig", "version", bundle.VERSION),
    (f"{WIRE}/nxbi.zig", "magic", bundle_image.MAGIC.decode()),
    (f"{WIRE}/ds.zig", "version", front.VERSION),
    (f"{WIRE}/ds.zig", "name_bytes_max", front.NAME_BYTES_MAX),
    (f"{WIRE}/ds.zig", "path_bytes_max", front.PATH_BYTES_MAX),
    (f"{WIRE}/ds.zig", "package_read_bytes_max", front.PACKAGE_READ_BYTES_MAX),
    (f"{BUS}/pk.zig", "path_bytes_max", packagefs.PATH_BYTES_MAX),
    (f"{BUS}/pk.zig", "read_bytes_max", packagefs.READ_BYTES_MAX),
    (f"{WIRE}/lo*.zig", "scope_bytes_max", log.SCOPE_BYTES_MAX),
    (f"{WIRE}/lo*.zig", "message_bytes_max", log.MESSAGE_BYTES_MAX),
    (f"{WIRE}/lo*.zig", "fields_bytes_max", log.FIELDS_BYTES_MAX),
    (f"{WIRE}/lo*.zig", "reply_bytes_max", log.REPLY_BYTES_MAX),
    (f"{BUS}/transfer_head.zig", "stream_name", transfer.STREAM),
    (f"{BUS}/transfer_head.zig", "head_bytes", transfer.HEAD_BYTES),
    (f"{BUS}/transfer_head.zig", "reply_bytes", transfer.REPLY_BYTES),
    (f"{BUS}/transfer.zig", "silence_ns", int(service.SILENCE_S * 10**9)),
    (f"{BUS}/transfer.zig", "longest_ns", int(service.LONGEST_S * 10**9)),
    (f"{BUS}/sf_gate.zig", "frame_bytes_max", acl.FRAME_BYTES_MAX),
    (f"{BUS}/sf_gate.zig", "key_bytes_max", acl.KEY_BYTES_MAX),
    (f"{BUS}/sf_gate.zig", "key_bytes_max", transfer.KEY_BYTES_MAX),
    (f"{BUS}/sf_gate.zig", "value_bytes_max", acl.VALUE_BYTES_MAX),
    (f"{BUS}/sf_gate.zig", "list_max", acl.LIST_MAX),
    (f"{BUS}/sf_gate.zig", "reply_bytes_max", acl.REPLY_BYTES_MAX),
    (f"{BUS}/sf_gate.zig", "namespace", acl.NAMESPACE),
    (f"{WIRE}/sf.zig", "value_bytes_max", acl.TRANSFER_BYTES_MAX),
    (f"{WIRE}/po.zig", "version", po.VERSION),
    (f"{WIRE}/po.zig", "capability_bytes_max", po.CAPABILITY_BYTES_MAX),
    ("abi/root.zig", "payload_bytes_max", bundle.FRAME_BYTES_MAX),
    ("services/init/config.zig", "blob_bytes_max", records.BLOB_BYTES_MAX),
    ("services/init/config.zig", "sections_max", records.SECTIONS_MAX),
    ("services/init/config.zig", "section_bytes_max", records.SECTION_BYTES_MAX),
    ("services/init/config.zig", "services_max", bounds.START_MAX),
    ("services/init/config.zig", "routes_max", bounds.ROUTES_MAX),
    ("lib/nxbf/root.zig", "magic", bootfs.MAGIC.decode()),
    ("lib/nxbf/root.zig", "name_bytes", SERVICE_NAME_BYTES_MAX),
]

ENUMS: list[tuple[str, str, type[IntEnum]]] = [
    (f"{BUS}/frames.zig", "Type", gateway.Type),
    (f"{BUS}/frames.zig", "Status", gateway.Status),
    (f"{BUS}/mux_frames.zig", "Type", mux.Type),
    (f"{WIRE}/sm.zig", "Op", samgr.Op),
    (f"{WIRE}/sm.zig", "Status", samgr.Status),
    (f"{WIRE}/bn.zig", "Op", bundle.Op),
    (f"{WIRE}/bn.zig", "Status", bundle.Status),
    (f"{WIRE}/ds.zig", "Op", front.Op),
    (f"{WIRE}/ds.zig", "Status", front.Status),
    (f"{BUS}/transfer_head.zig", "Op", transfer.Op),
    (f"{BUS}/transfer_head.zig", "Stage", transfer.Stage),
    (f"{WIRE}/sf.zig", "Op", state.Op),
    (f"{WIRE}/sf.zig", "Status", state.Status),
    (f"{BUS}/pk.zig", "Op", packagefs.Op),
    (f"{BUS}/pk.zig", "Status", packagefs.Status),
    (f"{WIRE}/lo*.zig", "Op", log.Op),
    (f"{WIRE}/lo*.zig", "Status", log.Status),
    (f"{WIRE}/lo*.zig", "Level", log.Level),
    (f"{WIRE}/po.zig", "Op", po.Op),
    (f"{WIRE}/po.zig", "Status", po.Status),
]


@pytest.mark.parametrize(("file", "name", "host"), NUMBERS)
def test_a_constant_is_the_same_on_both_sides(file: str, name: str, host: int | str) -> None:
    assert constants(file)[name] == host


# Asked only between services of one guest: dsoftbusd tells logd about whom a record is.
_LOCAL = {"note"}


@pytest.mark.parametrize(("file", "name", "host"), ENUMS)
def test_an_enumeration_is_the_same_on_both_sides(
    file: str, name: str, host: type[IntEnum]
) -> None:
    ours = {_ZIG_NAMES.get(m.name.lower(), m.name.lower()): m.value for m in host}
    guest = enumeration(file, name)
    assert {key: value for key, value in guest.items() if key not in _LOCAL} == ours


def test_the_gateways_services_are_the_same() -> None:
    row = r'\.id = (\d+), \.name = "(\w+)", \.magic = "(\w+)", \.version_max = (\d+)'
    found = re.findall(row, (GUEST / BUS / "gateway.zig").read_text())
    ours = [
        (str(s.number), s.name, s.magic.decode(), str(s.version_max))
        for s in policy.SERVICES.values()
    ]
    assert found == ours
    for name, (number, _) in defaults.GATEWAY.items():
        assert policy.SERVICES[number].name == name


def test_what_a_configuration_may_allow_is_what_the_services_speak() -> None:
    operations: dict[str, type[IntEnum]] = {
        "samgrd": samgr.Op,
        "bundlemgrd": bundle.Op,
        "packagefsd": packagefs.Op,
        "statefsd": state.Op,
        "logd": log.Op,
    }
    for name, (_, opcodes) in defaults.GATEWAY.items():
        for operation, opcode in opcodes.items():
            member = operations[name](opcode)
            assert member.name.lower().replace("_", "-") == operation


def test_the_outcomes_of_the_audit_are_the_same() -> None:
    assert list(enumeration(f"{BUS}/audit.zig", "Outcome")) == [o.value for o in audit.Outcome]


def test_the_refusals_of_a_session_are_the_same() -> None:
    guest = enumeration(f"{BUS}/session.zig", "Refusal")
    assert list(guest) == [refusal.value for refusal in session_events.Refusal]


def test_the_rejects_of_streams_are_the_same() -> None:
    guest = re.findall(r'=> "(mux\.reject\.\w+)"', (GUEST / BUS / "mux_frames.zig").read_text())
    assert sorted(guest) == sorted(reject.value for reject in mux_transitions.Reject)


def test_the_reasons_of_a_reset_are_the_same() -> None:
    guest = enumeration(f"{BUS}/mux_frames.zig", "Reason")
    assert list(guest.values()) == [reason.value for reason in mux_transitions.ResetReason]


def test_the_announce_group_is_the_same() -> None:
    group = announce.GROUP.replace(".", ", ")
    assert f"group: [4]u8 = .{{ {group} }};" in (GUEST / BUS / "announce.zig").read_text()


def test_the_kernel_takes_as_many_files_as_the_builder_makes() -> None:
    most = constants("lib/nxbf/root.zig")["files_max"]
    assert isinstance(most, int)
    assert most >= bootfs.FILES_MAX


@pytest.mark.parametrize(
    ("text", "value"),
    [("7", 7), ("0x10", 16), ('"NX"', "NX"), ("2 * std.time.ns_per_s", 2), ("a.b(c)", None)],
)
def test_the_reader_of_this_test_reads(text: str, value: int | str | None) -> None:
    assert evaluate(text, {"std.time.ns_per_s": 1}) == value
