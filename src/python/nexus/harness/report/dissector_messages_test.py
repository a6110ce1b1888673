"""Wireshark's dissector on calls as messages: what it marks is what the codec does not read.

The messages are those of the table that both languages are held to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from enum import Enum, IntEnum
from pathlib import Path
from typing import Any, Final  # Any: rows of a table in JSON.

import pytest

from nexus.contract.message import Reader
from nexus.contract.mux import ResetReason
from nexus.contract.rpc import Call
from nexus.harness.report.opened import Opened, write
from nexus.harness.report.tshark_support import (
    MALFORMED,
    ROOT,
    TSHARK,
    Frame,
    capture_of,
    data,
    marked,
    read,
    reply,
    run,
    shown,
)
from nexus.wire import bundle, gateway, log, mux, packagefs, rpc, samgr, state
from nexus.wire.error import ProtocolError
from nexus.wire.method_frames import method_of
from nexus.wire.methods import METHODS, Method
from nexus.wire.rpc_answer import encode_refusal, encode_results, read_answer, read_results
from nexus.wire.rpc_call import encode_call, read_call

CASES: Final[dict[str, list[dict[str, Any]]]] = json.loads(
    (ROOT / "src/guest/lib/dsoftbus/rpc_cases.json").read_text()
)
RESOLVE: Final = METHODS[0]

# How the dissector names the services' fields, and where it has another name than the schema.
PREFIX: Final = {1: "nexus.sm", 2: "nexus.bn", 3: "nexus.pk", 4: "nexus.sf", 5: "nexus.lo"}
OTHERWISE: Final = {
    ("nexus.pk", "bytes"): "data",
    ("nexus.sf", "keys"): "listed",
    ("nexus.lo", "since_ns"): "since",
    ("nexus.lo", "max"): "limit",
    ("nexus.lo", "id"): "record",
    ("nexus.lo", "time_ns"): "time",
    ("nexus.lo", "service"): "writer",
}
STATUSES: Final = {
    1: samgr.Status,
    2: bundle.Status,
    3: packagefs.Status,
    4: state.Status,
    5: log.Status,
}

pytestmark = pytest.mark.skipif(TSHARK is None, reason="no tshark on this host")


def values_of(value: Any, prefix: str) -> Iterator[str]:
    """Each field of parameters or results, as tshark prints it."""
    for field in value.LAYOUT.fields:
        name = f"{prefix}.{OTHERWISE.get((prefix, field.name), field.name)}"
        found = getattr(value, field.name)
        for item in found if isinstance(found, tuple) else (found,):
            if hasattr(item, "LAYOUT"):
                yield from values_of(item, prefix)
            elif isinstance(item, bytes):
                yield f'"{name}": "{item.hex(":")}"' if item else ""
            else:
                number = item.value if isinstance(item, Enum) else item
                yield f'"{name}": "{number}"'


def without_counts(text: str) -> str:
    """The text without what `keeping_all` adds to a key that comes more than once."""
    head, *parts = text.split("#")
    return head + "".join(part.lstrip("0123456789") for part in parts)


def is_call_read(message: bytes) -> bool:
    """Whether the codec makes a request of it; one of an unknown method is one too."""
    return read_call(message).request is not None


def is_answer_read(message: bytes, method: Method = RESOLVE) -> bool:
    """Whether the codec reads it as an answer of the method."""
    try:
        answered = read_answer(message)
        if answered.status is gateway.Status.OK:
            read_results(method, answered)
    except ProtocolError:
        return False
    return True


def fields_of_call(row: dict[str, Any], method: Method) -> list[str]:
    """All that a call says, as tshark prints it."""
    message = bytes.fromhex(row["call"])
    reader = Reader(message, rpc.LIMITS)
    params = reader.read(method.params, reader.root(Call).params)
    service, name = row["name"].split(".")
    first, *words = name.split("-")
    return [
        '"nexus.rpc.segments": "0"',
        f'"nexus.rpc.words": "{len(message) // 8 - 1}"',
        f'"nexus.rpc.correlation": "{row["correlation"]}"',
        f'"nexus.deadline": "{row["deadline_ms"]}"',
        f'"nexus.rpc.epoch": "{row["epoch"]}"',
        f'"nexus.service": "{row["service"]}"',
        f'"nexus.rpc.method": "{row["method"]}"',
        f'"nexus.rpc.method_name": "{service}.{first}{"".join(map(str.capitalize, words))}"',
        *values_of(params, PREFIX[row["service"]]),
    ]


def test_every_field_of_every_method_is_named(tmp_path: Path) -> None:
    sessions = [
        [data(bytes.fromhex(row["call"])), reply(bytes.fromhex(row["answer"]))]
        for row in CASES["methods"]
    ]
    texts = shown(tmp_path, sessions)
    for row, (called, answered) in zip(CASES["methods"], texts, strict=True):
        method = method_of(row["service"], row["method"])
        assert method is not None, row["name"]
        results = read_results(method, read_answer(bytes.fromhex(row["answer"])))
        values = values_of(results, PREFIX[row["service"]])
        for text, fields in (
            (called, fields_of_call(row, method)),
            (answered, ['"nexus.rpc.member": "0"', *values]),
        ):
            assert MALFORMED not in text, row["name"]
            for field in fields:
                assert field in without_counts(text), (row["name"], field)


def test_refusals_are_named_and_whole(tmp_path: Path) -> None:
    rows = CASES["refusals"]
    for row, [text] in zip(
        rows, shown(tmp_path, [[reply(bytes.fromhex(row["answer"]))] for row in rows]), strict=True
    ):
        assert f'"nexus.status": "{row["number"]}"' in text, row
        assert f'"nexus.rpc.correlation": "{row["correlation"]}"' in text, row
        assert MALFORMED not in text, row


def test_a_call_is_marked_if_the_gateway_cannot_read_it(tmp_path: Path) -> None:
    rows = CASES["calls"]
    close: Frame = (True, mux.Close(1))
    sessions = [[data(bytes.fromhex(row["message"])), close] for row in rows]
    for row, texts in zip(rows, shown(tmp_path, sessions), strict=True):
        is_marked = row["verdict"] in ("malformed", "oversized")
        assert (MALFORMED in "".join(texts)) is is_marked, row["name"]


def test_an_answer_is_marked_if_the_caller_cannot_read_it(tmp_path: Path) -> None:
    rows = CASES["answers"]
    sessions = []
    for row in rows:
        message = bytes.fromhex(row["message"])
        call = encode_call(RESOLVE, row["correlation"], 1000, RESOLVE.params("logd"))
        sessions.append([data(call), reply(message)])
    for row, texts in zip(rows, shown(tmp_path, sessions), strict=True):
        is_marked = not is_answer_read(bytes.fromhex(row["message"]))
        assert [MALFORMED in text for text in texts] == [False, is_marked], row["name"]


def test_a_table_that_is_none_is_marked_and_ends_the_stream(tmp_path: Path) -> None:
    rows = CASES["heads"]
    good = bytes.fromhex(CASES["calls"][0]["message"])
    sessions = [[data(bytes.fromhex(row["head"])), data(good)] for row in rows]
    for row, (text, behind) in zip(rows, shown(tmp_path, sessions), strict=True):
        is_marked = not row["verdict"].isdigit()
        assert (MALFORMED in text) is is_marked, row["name"]
        assert ("nexus.rpc.ignored" in behind) is is_marked, row["name"]


def changed(message: bytes) -> Iterator[bytes]:
    """The message with each byte behind the table changed, in ways that matter to a pointer."""
    for at in range(8, len(message)):
        for flip in (0x01, 0x02, 0x04, 0x80, 0xFF):
            yield message[:at] + bytes([message[at] ^ flip]) + message[at + 1 :]


def test_whatever_byte_is_changed_the_codec_and_the_dissector_agree(tmp_path: Path) -> None:
    # The shortest of each method: all kinds of fields are among them.
    rows = {(row["service"], row["method"]): row for row in reversed(CASES["methods"])}.values()
    calls = [message for row in rows for message in changed(bytes.fromhex(row["call"]))]
    found = marked(tmp_path, [[data(message)] for message in calls])
    for message, is_marked in zip(calls, found, strict=True):
        assert is_marked is not is_call_read(message), message.hex()


def test_whatever_byte_of_an_answer_is_changed_they_agree(tmp_path: Path) -> None:
    rows = {(row["service"], row["method"]): row for row in reversed(CASES["methods"])}.values()
    cases = [
        (method, bytes.fromhex(row["call"]), message)
        for row in rows
        if (method := method_of(row["service"], row["method"])) is not None
        for message in changed(bytes.fromhex(row["answer"]))
        # An answer to no call has results of no known method.
        if rpc.correlation_of(message) == row["correlation"]
    ]
    sessions = [[data(call), reply(answer)] for _, call, answer in cases]
    for (method, _, message), is_marked in zip(cases, marked(tmp_path, sessions), strict=True):
        assert is_marked is not is_answer_read(message, method), message.hex()


def test_pointers_lead_to_so_many_words_and_no_more(tmp_path: Path) -> None:
    """Keys of a list that are all the same text, which counts each time."""
    method = method_of(4, 3)
    assert method is not None
    call = encode_call(method, 0, 1000, method.params())
    answers = []
    for words in (14, 15):
        pointers = [4 * (63 - index) + 1 | (8 * words << 3 | 2) << 32 for index in range(64)]
        segment = [
            2 << 32 | 1 << 48,
            0,
            0,
            1 << 32 | 1 << 48,
            0,
            1 | (64 << 3 | 6) << 32,
            *pointers,
        ]
        text = b"k" * (8 * words - 1) + b"\0"
        octets = b"".join(word.to_bytes(8, "little") for word in segment) + text
        answers.append(bytes(4) + (len(octets) // 8).to_bytes(4, "little") + octets)
    assert [is_answer_read(answer, method) for answer in answers] == [True, False]
    found = marked(tmp_path, [[data(call), reply(answer)] for answer in answers])
    assert found == [False, True]


@pytest.mark.parametrize("more", [(), ("-2",)], ids=["once", "twice"])
@pytest.mark.parametrize("piece", [1, 7, 64, 1000])
def test_messages_are_put_together_however_they_are_cut(
    tmp_path: Path, piece: int, more: Sequence[str]
) -> None:
    calls = b"".join(bytes.fromhex(row["call"]) for row in CASES["methods"][:5])
    answers = b"".join(bytes.fromhex(row["answer"]) for row in CASES["methods"][:5])
    said = [data(calls[at : at + piece]) for at in range(0, len(calls), piece)]
    said += [reply(answers[at : at + piece]) for at in range(0, len(answers), piece)]
    [texts] = shown(tmp_path, [[*said, (True, mux.Close(1))]], *more)
    text = without_counts("".join(texts))
    assert MALFORMED not in text
    assert text.count('"nexus.rpc.words"') == 10
    assert text.count('"nexus.rpc.method_name": "packagefsd.stat"') == 2


@pytest.mark.parametrize("name", ["samgrd.resolve-status", "statefsd.list", "logd.query"])
def test_every_truncation_is_marked(tmp_path: Path, name: str) -> None:
    row = next(row for row in CASES["methods"] if row["name"] == name)
    for is_caller, said in ((True, "call"), (False, "answer")):
        message = bytes.fromhex(row[said])
        close: Frame = (is_caller, mux.Close(1))
        sessions: list[list[Frame]] = [
            [(is_caller, mux.Data(1, message[:length])), close] for length in range(1, len(message))
        ]
        for length, texts in enumerate(shown(tmp_path, sessions), start=1):
            assert [MALFORMED in text for text in texts] == [False, True], length


def test_every_status_has_a_name(tmp_path: Path) -> None:
    """Numbers of the schema that the dissector has no word for are printed as unknown."""
    said: list[Frame] = []
    for method in METHODS[:1] + tuple(m for m in METHODS if m.number == 1) + METHODS[1:2]:
        statuses: type[IntEnum] = STATUSES[method.service]
        for status in statuses:
            said.append(data(encode_call(method, len(said), 1000, method.params())))
            said.append(reply(encode_results(len(said) - 1, method.results(status))))
    said += [reply(encode_refusal(1, status)) for status in list(gateway.Status)[1:]]
    said += [(True, mux.Reset(1, reason)) for reason in ResetReason]
    printed = run(tmp_path, capture_of([said]), "-V").decode()
    assert printed.count("Status: ") + printed.count("Refusal: ") > len(STATUSES)
    assert "Unknown" not in printed
    assert "over share (12)" in printed
    assert "busy (3)" in printed


def test_a_stream_of_another_name_is_not_read_as_messages(tmp_path: Path) -> None:
    message = bytes.fromhex(CASES["calls"][0]["message"])
    packets = [
        Opened(0, 1, True, mux.Open(1, 0, "rpc/3").encode()),
        Opened(0, 1, True, mux.Data(1, message).encode()),
    ]
    text = json.dumps(read(tmp_path, write(packets)))
    assert "nexus.rpc" not in text
    assert MALFORMED not in text
