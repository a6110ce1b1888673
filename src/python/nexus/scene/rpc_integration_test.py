"""Messages on `rpc/2`, each with every byte, to the real guest: the table that all are held to.

Needs what Pants puts beside the test (see BUILD).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final  # Any: rows of a table in JSON.

import pytest

from nexus.contract import rpc as contract
from nexus.contract.state import PutParams
from nexus.dsoftbus.gateway import of_message
from nexus.emulator.native_interpreter_support import native_interpreter
from nexus.netstack.library import Library
from nexus.scene.packaged_support import CONFIG, LIBRARY, SYSTEM
from nexus.scene.state_scene import Scene
from nexus.schema.judged.message_cases import CASES as BAD
from nexus.schema.judged.message_cases import GOOD, NAME, Case, struct
from nexus.wire import rpc, state
from nexus.wire.gateway import Request, Status
from nexus.wire.methods import BY_NAME
from nexus.wire.rpc_answer import encode_refusal, read_answer, read_results
from nexus.wire.rpc_call import encode_call, read_call

CASES: Final[dict[str, Any]] = json.loads(Path("src/guest/lib/dsoftbus/rpc_cases.json").read_text())
CALLER, READER = "host-1", "host-2"

# All but delete of statefsd, as the cases have it; and the reader of the log afterwards.
ALLOWED: Final = {
    "samgrd": ["resolve-status"],
    "bundlemgrd": ["list"],
    "packagefsd": ["stat", "open", "read", "close"],
    "statefsd": ["put", "get", "list", "sync"],
    "logd": ["query", "stats"],
}

# So few denials in ten seconds have a record each.
PAUSE_NS: Final = 700_000_000


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    text = CONFIG.read_text().replace("[dsoftbus]\n", '[dsoftbus]\nrpc = "auto"\n')
    rules = [(CALLER, name, names) for name, names in ALLOWED.items()]
    rules.append((READER, "logd", ["query"]))
    text = text.partition("[[dsoftbus.allow]]")[0] + "[state]\ndisk_kib = 512\n"
    for peer, service, operations in rules:
        text += f'[[dsoftbus.allow]]\npeer = "{peer}"\nservice = "{service}"\n'
        text += f"operations = {json.dumps(operations)}\n"
    config = tmp_path / "node.toml"
    config.write_text(text)
    scene = Scene(config, SYSTEM.read_bytes(), Library(LIBRARY), native_interpreter())
    scene.wait_ready()
    return scene


class Calls:
    """A stream of calls, and another one where the peer has closed the last."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._peer = scene.peers[CALLER]
        self._stream: int | None = None

    def ask(self, message: bytes) -> bytes:
        """Send these bytes; return the answer. Behind a part of a message there comes no more."""
        if self._stream is None:
            self._stream = self._peer.open(contract.STREAM, contract.STREAM_PRIORITY)
        stream, heard = self._stream, self._peer.streams[self._stream]
        assert self._peer.say(stream, message) == len(message), "no room"
        is_cut = len(message) < rpc.HEAD_BYTES or len(message) < rpc.message_length(message)
        if is_cut:
            self._peer.close(stream)
            self._stream = None
        self._scene.run_until(lambda: _is_whole(heard.data))
        if is_cut:
            self._scene.run_until(lambda: heard.is_closed)
        answer = bytes(heard.data)
        heard.data.clear()
        return answer


def _is_whole(data: bytearray) -> bool:
    return len(data) >= rpc.HEAD_BYTES and len(data) == rpc.message_length(data)


def test_a_guest_says_of_each_message_what_all_are_held_to(scene: Scene) -> None:
    calls = Calls(scene)
    refused = [case for case in CASES["calls"] if case["verdict"] != "forward"]
    wanted = [case["record"].replace("node-b", CALLER) for case in refused]
    for case in CASES["calls"]:
        answer = calls.ask(bytes.fromhex(case["message"]))
        number = case["correlation"] % (1 << rpc.NUMBER_BITS)
        is_forwarded = case["verdict"] == "forward"
        assert rpc.correlation_of(answer) == (number if is_forwarded else case["correlation"])
        is_refused = answer == encode_refusal(rpc.correlation_of(answer), Status.REFUSED)
        assert is_refused is not is_forwarded, case["name"]
        scene.run_for(PAUSE_NS)
    found = [record.message for record in scene.records(READER)]
    assert [
        message for message in found if f"peer={CALLER}" in message and "denied" in message
    ] == (wanted)
    assert "panic" not in scene.console


def test_what_has_no_next_message_ends_its_stream_and_nothing_else(scene: Scene) -> None:
    peer = scene.peers[CALLER]
    for case in [case for case in CASES["heads"] if not case["verdict"].isdecimal()]:
        stream = peer.open(contract.STREAM, contract.STREAM_PRIORITY)
        peer.say(stream, bytes.fromhex(case["head"]))
        assert scene.wait_reset(CALLER, stream) == 2, case["name"]
        said = f"denied-{case['verdict']} peer={CALLER} service=- op=-"
        assert any(said in record.message for record in scene.records(READER)), case["name"]
        assert peer.is_ready


_RESOLVE: Final = BY_NAME["samgrd", "resolve-status"]
_NUMBER: Final = 9


def as_parameters(case: Case) -> bytes:
    """A call of resolve-status whose parameters are what the case has for a message.

    Pointers count from where they stand, so its words mean behind a call what they mean alone.
    """
    head = (struct(0, 3, 1), _NUMBER, 1000, _RESOLVE.service | _RESOLVE.number << 16)
    return replace(case, words=(*head, *case.words)).message()


# The cases of parameters; what is wrong with a table is among the heads.
PARAMETERS: Final = [
    case
    for case in (*BAD, *GOOD)
    if case.kind == NAME
    and case.table is None
    and not case.tail
    and len(case.words) < contract.MESSAGE_WORDS_MAX - 4
]


def test_a_guest_reads_parameters_as_the_library_does(scene: Scene) -> None:
    calls = Calls(scene)
    verdicts = {}
    for case in PARAMETERS:
        message = as_parameters(case)
        verdicts[case.name] = isinstance(of_message(read_call(message)), Request)
        answer = calls.ask(message)
        is_refused = answer == encode_refusal(_NUMBER, Status.REFUSED)
        assert is_refused is not verdicts[case.name], case.name
        scene.run_for(PAUSE_NS)
    # Before the segment there is nothing; before the parameters there is the call.
    read = {case.name for case in BAD if verdicts.get(case.name)}
    assert read == {"text-before-the-segment"}
    assert all(verdicts[case.name] for case in GOOD if case.name in verdicts)
    said = [record.message for record in scene.records(READER)]
    assert not any("denied-rate" in message for message in said)
    assert "panic" not in scene.console


KEY: Final = "/state/shared/once"
EPOCH: Final = 7 << 32
_PUT: Final = BY_NAME["statefsd", "put"]

Ask = Callable[[Scene, Calls, int, bytes], Status]


def put_by_frame(scene: Scene, _: Calls, name: int, value: bytes) -> Status:
    """Put under this name of a call by a frame without a nonce; return how the call ended."""
    frame = state.Request(state.Op.PUT, KEY, value).encode()
    return scene.call(CALLER, _PUT.service, frame, name).status


def put_by_frame_with_nonce(scene: Scene, _: Calls, name: int, value: bytes) -> Status:
    frame = state.Request(state.Op.PUT, KEY, value, nonce=5).encode()
    return scene.call(CALLER, _PUT.service, frame, name).status


def put_by_message(_: Scene, calls: Calls, name: int, value: bytes) -> Status:
    message = encode_call(_PUT, name, 1000, PutParams(KEY, value))
    answered = read_answer(calls.ask(message))
    assert answered.correlation == name % (1 << rpc.NUMBER_BITS)
    if answered.status is Status.OK:
        assert read_results(_PUT, answered).status is state.Status.OK
    return answered.status


# How a put is said first, and how it is said again under its name; whether that is the same call.
# A nonce is a part of a frame, and no message has one.
REPETITIONS: Final[list[tuple[Ask, Ask, bool]]] = [
    (put_by_frame, put_by_message, True),
    (put_by_message, put_by_frame, True),
    (put_by_message, put_by_message, True),
    (put_by_frame_with_nonce, put_by_message, False),
    (put_by_message, put_by_frame_with_nonce, False),
]


def test_a_change_that_is_repeated_in_the_other_encoding_acts_once(scene: Scene) -> None:
    calls = Calls(scene)
    for number, (first, again, is_same) in enumerate(REPETITIONS, 1):
        name, value = EPOCH + number, b"%d" % number
        assert first(scene, calls, name, value) is Status.OK
        # Another change comes in between: a repetition that acted would undo it.
        assert put_by_message(scene, calls, EPOCH + 100 + number, b"later") is Status.OK
        assert again(scene, calls, name, value) is (Status.OK if is_same else Status.FAILED)
        assert scene.value(CALLER, KEY) == b"later"
        # Something else under the name fails, in either encoding.
        for ask in (put_by_frame, put_by_message):
            assert ask(scene, calls, name, b"other") is Status.FAILED
        assert scene.value(CALLER, KEY) == b"later"
    said = [record.message for record in scene.records(READER)]
    puts = [message for message in said if message.startswith("audit remote statefs put allow ")]
    assert len(puts) == 2 * len(REPETITIONS)
