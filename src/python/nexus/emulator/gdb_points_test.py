"""Break- and watchpoints: what a debugger may repeat, and which answers it gets."""

from __future__ import annotations

import pytest

from nexus.emulator.gdb_client_fake import LOOP, Client
from nexus.emulator.gdb_packet import encode


def does_run_on(client: Client) -> bool:
    """Whether nothing stops the guest for a while; it is stopped in the end."""
    assert client.session.feed(encode(b"c")) == b""
    reply = client.session.advance()
    if reply:
        return False
    return client.session.feed(b"\x03") == encode(b"S02")


@pytest.mark.parametrize(("kept", "removed"), [(0, 1), (1, 0)])
def test_breakpoints_of_two_kinds_at_one_address_are_two(kept: int, removed: int) -> None:
    client = Client(LOOP)
    for kind in (kept, removed):
        assert client.ask(f"Z{kind},{client.at('again')},4") == "OK"
    assert client.ask(f"z{removed},{client.at('again')},4") == "OK"
    assert client.ask("c") == "S05"
    assert client.pc == client.symbols["again"]
    assert client.ask(f"z{kept},{client.at('again')},4") == "OK"
    assert does_run_on(client)


@pytest.mark.parametrize("kind", range(5))
def test_inserting_twice_is_once(kind: int) -> None:
    client = Client(LOOP)
    point = f"{kind},{client.at('again' if kind < 2 else 'cell')},8"
    assert [client.ask(f"{letter}{point}") for letter in "ZZzz"] == ["OK"] * 4
    assert does_run_on(client)


@pytest.mark.parametrize(("kind", "room"), [(0, 1024), (1, 1024), (2, 64), (4, 64)])
def test_a_full_table_still_knows_what_is_in_it(kind: int, room: int) -> None:
    client = Client(LOOP)
    assert {client.ask(f"Z{kind},{4 * index:x},4") for index in range(room)} == {"OK"}
    assert client.ask(f"Z{kind},{4 * room:x},4") == "E1c"
    assert client.ask(f"Z{kind},0,4") == "OK"
    assert client.ask(f"z{kind},0,4") == "OK"
    assert client.ask(f"Z{kind},{4 * room:x},4") == "OK"


@pytest.mark.parametrize(
    ("asked", "kinds", "stop"),
    [
        ((), (0,), "S05"),
        (("qSupported",), (0,), "S05"),
        (("qSupported:multiprocess+;vContSupported+",), (1,), "S05"),
        (("qSupported:swbreak-;hwbreak-",), (0,), "S05"),
        (("qSupported:swbreak+",), (0,), "T05swbreak:;"),
        (("qSupported:swbreak+",), (1,), "S05"),
        (("qSupported:hwbreak+;xmlRegisters=riscv",), (1,), "T05hwbreak:;"),
        (("qSupported:hwbreak+",), (0,), "S05"),
        (("qSupported:hwbreak+",), (0, 1), "T05hwbreak:;"),
        (("qSupported:swbreak+;hwbreak+",), (0, 1), "T05swbreak:;"),
    ],
)
def test_a_stop_says_only_what_was_asked_for(
    asked: tuple[str, ...], kinds: tuple[int, ...], stop: str
) -> None:
    client = Client(LOOP)
    for packet in asked:
        client.ask(packet)
    for kind in kinds:
        client.ask(f"Z{kind},{client.at('again')},4")
    assert client.ask("c") == client.ask("?") == stop
