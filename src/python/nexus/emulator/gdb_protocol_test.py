"""Packets against GDB's description of them: threads, resuming, numbers, memory, registers."""

from __future__ import annotations

import pytest

from nexus.emulator.gdb_client_fake import LOOP, Client
from nexus.emulator.gdb_packet import PACKET_BYTES_MAX
from nexus.emulator.gdb_session import State


@pytest.mark.parametrize("packet", ["Hg1", "Hg0", "Hg-1", "Hc1", "Hc0", "Hc-1", "T1", "Hg01"])
def test_our_thread_is_known_by_all_its_names(packet: str) -> None:
    assert Client(LOOP).ask(packet) == "OK"


@pytest.mark.parametrize(
    "packet", ["Hg2", "Hcff", "T2", "T7fff", "Hgp1.1", "Hg", "T", "vCont;c:2", "vCont;s:2;c:1"]
)
def test_another_thread_is_an_error(packet: str) -> None:
    client = Client(LOOP)
    assert client.ask(packet).startswith("E")
    assert client.session.state is State.STOPPED
    assert client.timeline.position == 0


@pytest.mark.parametrize(
    "packet", ["vCont;t", "vCont;t:1", "vCont;r80000000,80000008:1", "vCont", "vCont;", "vCont;c05"]
)
def test_actions_that_were_not_announced_do_not_resume(packet: str) -> None:
    client = Client(LOOP)
    assert client.ask(packet) == "E16"
    assert client.session.state is State.STOPPED
    assert client.timeline.position == 0


@pytest.mark.parametrize(
    "packet", ["s", "S05", "vCont;s", "vCont;s:1", "vCont;S05:1;c", "vCont;s:-1;c", "vCont;s;c:1"]
)
def test_every_way_to_step(packet: str) -> None:
    client = Client(LOOP)
    assert client.ask(packet) == "S05"
    assert client.timeline.position == 1


@pytest.mark.parametrize("packet", ["c{}", "C05;{}"])
def test_a_continue_with_an_address_goes_on_there(packet: str) -> None:
    client = Client(LOOP)
    assert client.ask(packet.format(client.at("out"))) == "W00"


@pytest.mark.parametrize("packet", ["s{}", "S05;{}"])
def test_a_step_with_an_address_begins_there(packet: str) -> None:
    client = Client(LOOP)
    client.ask(packet.format(client.at("out")))
    assert client.pc == client.symbols["out"] + 4


@pytest.mark.parametrize(
    "packet",
    [
        "p-1",
        "P-1=0000000000000000",
        "p+8",
        "p 8",
        "p1_0",
        "p0x8",
        "m-1,4",
        "m0x80000000,4",
        "Z0,-4,4",
        "Z2,80000000,0",
        "M80000000,1: 1",
        "P8=00 0000000000000",
        "p8 ",
        "m" + "f" * 17 + ",1",
    ],
)
def test_numbers_are_digits_and_nothing_else(packet: str) -> None:
    client = Client(LOOP)
    before = client.timeline.machine.state_digest()
    assert client.ask(packet) == "E16"
    assert client.timeline.machine.state_digest() == before
    assert not client.timeline.observer.breakpoints
    assert not client.timeline.observer.watches


def test_memory_is_read_as_far_as_it_goes() -> None:
    client = Client(LOOP)
    assert client.ask("m800ffffe,10") == "0000"
    assert client.ask("m80100000,10") == "E0e"
    assert client.ask("mfffffffffffffffe,10") == "E0e"


@pytest.mark.parametrize("length", ["ffffffff", "f" * 16, "2001"])
def test_a_reply_fits_a_packet_whatever_length_is_asked_for(length: str) -> None:
    assert len(Client(LOOP).ask(f"m80000000,{length}")) == PACKET_BYTES_MAX


@pytest.mark.parametrize(
    "packet",
    ["M{},2:00", "M{},0:00", "M{},1:000", "M{},ffffffff:00", "X{},2:a", "X{},0:a", "X{},1:"],
)
def test_a_write_of_another_length_writes_nothing(packet: str) -> None:
    client = Client(LOOP)
    before = client.timeline.machine.state_digest()
    assert client.ask(packet.format(client.at("cell"))) == "E16"
    assert client.timeline.machine.state_digest() == before


@pytest.mark.parametrize("packet", ["M800ffffe,4:01020304", "X800ffffe,4:abcd"])
def test_a_write_that_memory_does_not_hold_whole_writes_nothing(packet: str) -> None:
    client = Client(LOOP)
    before = client.timeline.machine.state_digest()
    assert client.ask(packet) == "E0e"
    assert client.timeline.machine.state_digest() == before


def test_csrs_and_the_privilege_can_be_changed() -> None:
    client = Client(LOOP)
    for number, written, read in (
        (65 + 0x340, 0x1122334455667788, 0x1122334455667788),
        (65 + 0x300, (1 << 64) - 1, 0xA_007E_19AA),
        (4161, 1, 1),
    ):
        assert client.ask(f"P{number:x}={written.to_bytes(8, 'little').hex()}") == "OK"
        assert client.register(number) == read
    assert client.ask(f"P{4161:x}=0200000000000000") == "E16"
    assert client.ask(f"P{65 + 0xC00:x}=0200000000000000") == "E16"
    assert client.ask("P30=0200000000000000") == "E16"


def test_an_unknown_annex_is_named_as_such() -> None:
    assert Client(LOOP).ask("qXfer:features:read:other.xml:0,10") == "E00"
    assert Client(LOOP).ask("qXfer:memory-map:read::0,10") == ""


def test_a_description_ends_where_it_ends() -> None:
    """At its end there is nothing more; beyond it there never was anything, as gdbserver says."""
    client = Client(LOOP)
    whole = client.ask("qXfer:features:read:target.xml:0,3fff")
    assert whole[0] == "l"
    assert client.ask(f"qXfer:features:read:target.xml:{len(whole) - 1:x},10") == "l"
    assert client.ask(f"qXfer:features:read:target.xml:{len(whole):x},10") == "E16"
