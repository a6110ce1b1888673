"""A debugger and several harts: each is a thread, and looking at them changes nothing."""

from __future__ import annotations

import pytest

from nexus.emulator.gdb_client_fake import Client
from nexus.emulator.machine import MachineOptions, Stop
from nexus.emulator.observe import Observer
from nexus.emulator.program_support import EXIT, boot, program
from nexus.emulator.timeline import Timeline
from nexus.emulator.turn_words import TURN_STEPS
from nexus.emulator.turns_guest_cases import ring

_PC, _SP, _S0, _S1, _MHARTID, _MINSTRET = 32, 2, 8, 9, 65 + 0xF14, 65 + 0xB02

# Hart n counts in s0 from 100 n on, and stores each number.
COUNT = """
    csrr s1, mhartid
    li t0, 100
    mul s0, s1, t0
    la s2, cells
    slli t1, s1, 3
    add s2, s2, t1
again:
    sd s0, 0(s2)
    addi s0, s0, 1
    j again
.align 8
cells: .space 64
"""


def test_each_hart_is_a_thread() -> None:
    client = Client(COUNT, harts=3)
    assert client.ask("qfThreadInfo") == "m1,2,3"
    assert client.ask("qsThreadInfo") == "l"
    assert client.ask("?") == "T05thread:1;"
    assert client.ask("qC") == "QC1"
    said = [bytes.fromhex(client.ask(f"qThreadExtraInfo,{n}")).decode() for n in (1, 2, 3)]
    assert said == ["hart 0, its turn", "hart 1", "hart 2"]
    assert [client.ask(f"T{n}") for n in (1, 3, 4)] == ["OK", "OK", "E03"]
    assert (client.ask("Hg4"), client.ask("qThreadExtraInfo,4")) == ("E03", "E16")
    for thread in (2, 3, 1):
        assert client.ask(f"Hg{thread}") == "OK"
        assert client.register(_MHARTID) == thread - 1


def test_registers_of_a_hart_that_waits_for_its_turn_can_be_read_and_changed() -> None:
    client = Client(COUNT, harts=2)
    client.ask(f"Z0,{client.at('again')},4")
    assert client.ask("c") == "T05thread:1;"
    assert client.ask("Hg2") == "OK"
    assert (client.pc, client.register(_MINSTRET)) == (0x8000_0000, 0)
    assert client.ask("P2=1122334455667788") == "OK"
    assert client.register(_SP) == 0x8877665544332211
    assert client.ask("Hg1") == "OK"
    assert client.register(_SP) == 0
    client.ask(f"z0,{client.at('again')},4")
    assert client.ask("vCont;s:2") == "T05thread:2;"
    assert client.register(_SP) == 0x8877665544332211
    assert client.register(_MINSTRET) == 1


def test_a_step_of_a_hart_lets_the_others_have_their_turns() -> None:
    client = Client(COUNT, harts=3)
    assert client.ask("vCont;s:3;c") == "T05thread:3;"
    assert client.pc == 0x8000_0004
    assert client.timeline.position == 2 * TURN_STEPS + 1
    assert client.ask("vCont;s") == "T05thread:3;"
    assert client.pc == 0x8000_0008
    assert client.timeline.position == 2 * TURN_STEPS + 2


def test_a_breakpoint_and_a_watchpoint_say_whose_they_are() -> None:
    client = Client(COUNT, harts=2)
    client.ask("qSupported:swbreak+;hwbreak+")
    client.ask(f"Z1,{client.at('again')},4")
    seen = set()
    for _ in range(4):
        seen.add(client.ask("c"))
    assert seen == {"T05thread:1;hwbreak:;"}
    client.ask(f"z1,{client.at('again')},4")
    second = f"{client.symbols['cells'] + 8:x}"
    client.ask(f"Z2,{second},8")
    assert client.ask("c") == f"T05thread:2;watch:{second};"
    assert (client.register(_S1), client.register(_S0)) == (1, 100)
    assert client.ask("bc") == "T05thread:1;replaylog:begin;"


def test_time_goes_back_over_changes_of_turn() -> None:
    client = Client(COUNT, harts=2)
    assert client.ask("vCont;s:2;c") == "T05thread:2;"
    assert client.ask("bs") == "T05thread:2;"
    assert client.pc == 0x8000_0000
    assert client.ask("bs") == "T05thread:1;"
    assert client.timeline.position == TURN_STEPS - 1


@pytest.mark.parametrize("harts", [2, 3])
def test_looking_does_not_change_what_harts_do(harts: int) -> None:
    """Every way to stop, and the end is the one of a run without a debugger."""
    plain = boot(ring(harts), harts=harts)
    assert plain.run(5_000_000) is Stop.FINISHED
    client = Client(ring(harts), harts=harts)
    for thread in range(1, harts + 1):
        client.ask(f"vCont;s:{thread};c")
        client.ask(f"Hg{thread}")
        client.ask("g")
    for label in ("sleep", "over"):
        client.ask(f"Z0,{client.at(label)},4")
        client.ask("c")
        client.ask("vCont;s")
        client.ask(f"z0,{client.at(label)},4")
    assert client.ask("c") == "W00"
    machine = client.timeline.machine
    assert machine.instructions == plain.instructions
    assert machine.state_digest() == plain.state_digest()


def test_every_position_of_several_harts_can_be_gone_back_to() -> None:
    """An interrupt is due just where a turn ends: a debugger must not take it for another hart."""
    text = f"""
    csrr s0, mhartid
    la t0, handler
    csrw mtvec, t0
    li s1, 0x2004000
    slli t1, s0, 3
    add s1, s1, t1
    li t1, {TURN_STEPS // 10}
    sd t1, 0(s1)
    li t0, 0x80
    csrw mie, t0
    li t0, 8
    csrs mstatus, t0
busy:
    addi s2, s2, 1
    j busy
.align 4
handler:
    csrr s3, time
    li t1, -1
    sd t1, 0(s1)
    bnez s0, out
    mret
out:
    li a0, 0
{EXIT}"""
    kernel = program(text)

    def options(observer: Observer) -> MachineOptions:
        return MachineOptions(kernel=kernel, ram_bytes=1 << 20, harts=2, observer=observer)

    line = Timeline(options, 1000)
    line.advance(TURN_STEPS - 20)
    seen = {}
    for position in range(TURN_STEPS - 20, TURN_STEPS + 20):
        line.advance(position)
        seen[position] = (line.machine.turn, line.machine.state_digest())
    for position in reversed(seen):
        line.go_to(position)
        assert (line.machine.turn, line.machine.state_digest()) == seen[position]
    line.advance(1 << 40)
    plain = boot(text, harts=2)
    plain.run(TURN_STEPS * 10)
    assert (plain.turn, plain.state_digest()) == seen[TURN_STEPS]
    plain.run(1_000_000)
    assert line.machine.state_digest() == plain.state_digest()
