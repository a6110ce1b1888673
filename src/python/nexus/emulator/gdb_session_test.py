"""A debugger's packets and the answers, by a scripted client."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from nexus.emulator.gdb_client_fake import COUNT, Client
from nexus.emulator.gdb_packet import encode
from nexus.emulator.gdb_session import GdbSession, State
from nexus.emulator.guest_support import OPEN_PMP, PAGING, drop_to


def test_the_first_packets_are_answered() -> None:
    client = Client(COUNT)
    assert "ReverseContinue+" in client.ask("qSupported:multiprocess+;swbreak+;hwbreak+")
    assert client.ask("?") == "S05"
    assert client.ask("Hg0") == "OK"
    assert client.ask("qC") == "QC1"
    assert client.ask("qfThreadInfo") == "m1"
    assert client.ask("vCont?").startswith("vCont;")
    assert client.ask("vMustReplyEmpty") == ""
    assert client.ask("!unheard-of") == ""


def test_the_description_comes_in_pieces_and_names_what_can_be_read() -> None:
    client = Client(COUNT)
    text, piece = "", "m"
    while piece.startswith("m"):
        piece = client.ask(f"qXfer:features:read:target.xml:{len(text):x},400")
        text += piece[1:]
    registers = ElementTree.fromstring(text).iter("reg")
    numbers = {str(r.get("name")): int(str(r.get("regnum"))) for r in registers}
    assert numbers["pc"] == 32
    assert numbers["mstatus"] == 65 + 0x300
    for number in numbers.values():
        assert len(client.ask(f"p{number:x}")) == 16
    assert client.register(numbers["priv"]) == 3
    assert client.register(numbers["sp"]) == 0


def test_registers_can_be_read_and_changed() -> None:
    client = Client(COUNT)
    words = client.ask("g")
    assert len(words) == 33 * 16
    assert words.endswith("0000008000000000")
    assert client.ask("P8=1122334455667788") == "OK"
    assert client.register(8) == 0x8877665544332211
    assert client.ask("G" + words) == "OK"
    assert client.register(8) == 0
    assert client.ask("P0=1122334455667788") == "OK"
    assert client.register(0) == 0
    assert client.ask("p9999") == client.ask("P8=11") == client.ask("G00") == "E16"


def test_memory_can_be_read_and_changed() -> None:
    client = Client(COUNT)
    counter = client.at("counter")
    assert client.ask(f"m{counter},8") == "4d00000000000000"
    assert client.ask(f"M{counter},2:beef") == "OK"
    assert client.ask(b"X%b,2:\xff#" % f"{client.symbols['counter'] + 2:x}".encode()) == "OK"
    assert client.ask(f"m{counter},4") == "beefff23"
    assert client.ask("m10000000,1") == "E0e"
    assert client.ask("M0,1:00") == "E0e"
    assert client.ask("mzz,1") == "E16"
    assert client.ask(f"M{counter},3:00") == "E16"


def test_single_steps_go_one_instruction_in_either_direction() -> None:
    client = Client(COUNT)
    seen = []
    for _ in range(9):
        seen.append((client.pc, client.ask("g")))
        assert client.ask("vCont;s:1") == "S05"
    for pc, registers in reversed(seen):
        assert client.ask("bs") == "S05"
        assert (client.pc, client.ask("g")) == (pc, registers)
    assert client.ask("bs") == "T05replaylog:begin;"


def test_breakpoints_stop_in_either_direction() -> None:
    client = Client(COUNT)
    client.ask("qSupported:swbreak+;hwbreak+")
    assert client.ask(f"Z1,{client.at('again')},4") == "OK"
    for left in (5, 4, 3):
        assert client.ask("c") == "T05hwbreak:;"
        assert (client.pc, client.register(8)) == (client.symbols["again"], left)
    for left in (4, 5):
        assert client.ask("bc") == "T05hwbreak:;"
        assert client.register(8) == left
    assert client.ask("bc") == "T05replaylog:begin;"
    assert client.ask(f"z1,{client.at('again')},4") == "OK"
    assert client.ask("vCont;c") == "W03"
    assert client.ask("c") == "W03"
    assert client.ask("bc") == "T05replaylog:begin;"


def test_watchpoints_stop_in_either_direction() -> None:
    client = Client(COUNT)
    counter = client.at("counter")
    assert client.ask(f"Z2,{counter},8") == "OK"
    for value in (77, 5, 4):
        assert client.ask("c") == f"T05watch:{counter};"
        assert client.pc == client.symbols["again"]
        assert client.ask(f"m{counter},1") == f"{value:02x}"
    assert client.ask("bc") == f"T05watch:{counter};"
    assert client.pc == client.symbols["again"] + 4
    assert client.ask(f"m{counter},1") == "04"
    assert client.ask(f"z2,{counter},8") == "OK"
    assert client.ask(f"Z3,{counter},8") == "OK"
    assert client.ask("c") == "W03"


def test_an_edit_is_where_history_begins() -> None:
    client = Client(COUNT)
    client.ask("s")
    client.ask("P8=0900000000000000")
    client.ask("s")
    assert client.ask("bs") == "S05"
    assert client.ask("bs") == "T05replaylog:begin;"
    said = bytes.fromhex(client.ask("qRcmd," + b"position".hex())).decode()
    assert said == "1 instructions, 10 ns; history from 1\n"


def test_a_command_that_is_unknown_is_named() -> None:
    client = Client(COUNT)
    for given, shown in ((b"positon", "'positon'"), (b"", "''"), (b"x" * 99, f"'{'x' * 40}'")):
        said = bytes.fromhex(client.ask("qRcmd," + given.hex())).decode()
        expected = "help, info mem, info registers, position"
        assert said == f"{shown} is unknown; expected one of: {expected}\n"


def test_memory_is_seen_through_the_guests_page_table() -> None:
    client = Client(
        f"""
        {OPEN_PMP}{PAGING}
        li t0, 0xdf
        or t0, t0, s3
        sd t0, 8(s2)
        li t0, 0x2000001f
        ori t0, t0, 0xff
        sd t0, 16(s0)
        li t0, 0x80010000
        li t1, 0x1234
        sd t1, 8(t0)
        {drop_to(0, "user")}
        user: j user
        """
    )
    assert client.ask("m1008,2") == "E0e"
    assert client.ask(f"Z0,{client.at('user')},4") == "OK"
    client.ask("c")
    before = client.timeline.machine.state_digest()
    assert client.ask("m1008,2") == "3412"
    assert client.ask("m2008,2") == "E0e"
    assert client.timeline.machine.state_digest() == before
    assert client.register(4161) == 0


def test_control_c_stops_a_loop_without_end() -> None:
    client = Client("again: j again")
    assert client.session.feed(encode(b"c")) == b""
    assert client.session.advance() == b""
    assert client.session.feed(b"\x03") == encode(b"S02")
    assert client.session.state is State.STOPPED


def test_a_sleep_without_end_is_a_stop() -> None:
    assert Client("again: wfi\n j again").ask("c") == "S02"


def test_a_detach_goes_on_and_a_kill_ends_the_guest() -> None:
    client = Client(COUNT)
    client.ask(f"Z0,{client.at('again')},4")
    assert client.ask("D") == "OK"
    assert client.session.state is State.DETACHED
    assert not client.timeline.observer.breakpoints
    client = Client(COUNT)
    assert client.session.feed(encode(b"k")) == b""
    assert client.session.state is State.KILLED


@pytest.mark.parametrize("leaving", ["D", "D;1", "k", "vKill;1"])
def test_who_has_left_resumes_nothing(leaving: str) -> None:
    client = Client(COUNT)
    client.session.feed(encode(leaving.encode()) + encode(b"c") + b"\x03")
    assert client.session.state in (State.DETACHED, State.KILLED)
    assert client.timeline.position == 0


def test_a_debugger_leaves_while_the_guest_runs() -> None:
    client = Client("again: j again")
    client.session.feed(encode(b"c"))
    client.session.advance()
    assert client.session.feed(encode(b"D")) == encode(b"OK")
    assert client.session.state is State.DETACHED


def test_garbled_packets_are_asked_for_again() -> None:
    client = Client(COUNT)
    session = GdbSession(client.timeline)
    assert session.feed(b"$?#00") == b"-"
    assert session.feed(b"$?#3f") == b"+$S05#b8"
    assert session.feed(b"-") == b"$S05#b8"


@pytest.mark.parametrize("packet", ["Z9,0,1", "Z0", "m1", "p", "vCont;x", "qXfer:features:read::1"])
def test_odd_packets_are_answered(packet: str) -> None:
    client = Client("again: wfi\n j again")
    assert client.ask(packet) in ("", "E16", "S02")


def test_there_is_room_for_so_many_points_only() -> None:
    client = Client(COUNT)
    answers = [client.ask(f"Z2,{address:x},1") for address in range(65)]
    assert answers == ["OK"] * 64 + ["E1c"]
