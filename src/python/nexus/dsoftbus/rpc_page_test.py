"""The page about calls as messages: its examples, methods and limits are those of the contract."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from nexus.contract.node import BusTag
from nexus.contract.rpc import STREAM, STREAM_PRIORITY
from nexus.dsoftbus.policy import SERVICES
from nexus.wire import rpc, rpc_answer, rpc_call
from nexus.wire.gateway import DEADLINE_MS_MAX
from nexus.wire.methods import METHODS

PAGE: Final = (Path(__file__).parents[4] / "docs/spec/rpc.md").read_text()
EXAMPLE: Final = re.compile(r"^Example `([a-z-]+)`:[^\n]*\n\n((?:    [^\n]+\n)+)", re.MULTILINE)
ROW: Final = re.compile(
    r"^\| (?:(\d+) (\w+) )?\| (\d+) (\w+) \| `(\w\w)` (\d+) (\d+)[ ,|]", re.MULTILINE
)


def test_the_examples_of_the_page_are_what_is_written() -> None:
    examples = {
        name: "".join(line[4:28].replace(" ", "") for line in block.splitlines())
        for name, block in EXAMPLE.findall(PAGE)
    }
    method = METHODS[0]
    reply = b"SM\x01\x86\x01" + bytes(8)
    assert examples == {
        "rpc-call": rpc_call.encode_call(
            method, 0xA1B2C3D4 << 32 | 2, 1000, method.params("logd")
        ).hex(),
        "rpc-answer": rpc_answer.encode_reply(method, 2, reply).hex(),
    }


def test_the_methods_of_the_page_are_those_of_the_contract() -> None:
    found, service = [], ("", "")
    for number, name, method, method_name, magic, version, opcode in ROW.findall(PAGE):
        service = (number, name) if number else service
        kebab = re.sub("([A-Z])", r"-\1", method_name).lower()
        found.append((*service, int(method), kebab, magic, int(version), int(opcode)))
    assert found == [
        (
            str(method.service),
            method.service_name,
            method.number,
            method.name,
            SERVICES[method.service].magic.decode(),
            1,
            method.opcode,
        )
        for method in METHODS
    ]


def test_the_limits_of_the_page_are_those_of_the_contract() -> None:
    for text in (
        f"words of the segment, W: 1 to {rpc.LIMITS.words}",
        f"{rpc.LIMITS.words} words, {rpc.LIMITS.traversal} words followed, {rpc.LIMITS.nesting} ",
        f"has 16 to {rpc.MESSAGE_BYTES_MAX} bytes",
        f"deadlineMs, from receipt, 1 to {DEADLINE_MS_MAX}",
        f"`{STREAM}`, priority {STREAM_PRIORITY}",
        f"record {BusTag.RPC.value} of the section of dsoftbusd",
    ):
        assert text in PAGE, text
