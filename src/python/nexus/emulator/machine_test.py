import random

import pytest

from nexus.emulator import fdt, reset
from nexus.emulator.board import AttachedDrive
from nexus.emulator.device.virtio_blk import FEATURE_RO, MemoryDrive
from nexus.emulator.guest_support import OPEN_PMP, PAGING, drop_to
from nexus.emulator.machine import Machine, MachineOptions, Stop
from nexus.emulator.program_support import EXIT, boot, program

# Timer interrupts preempt a computation in user mode under paging; the handler prints and rearms
# until a count is reached.  Everything that slicing could disturb is in here.
BUSY = f"""
    la t0, tick
    csrw mtvec, t0
    {OPEN_PMP}{PAGING}
    li t0, 0xdf
    or t0, t0, s3
    sd t0, 8(s2)
    li s8, 20
    li s9, 0x2004000
    li t0, 30
    sd t0, 0(s9)
    li t0, 0x80
    csrw mie, t0
    li t0, 0x2000000f
    ori t0, t0, 0xff
    sd t0, 16(s0)
    {drop_to(0, "work")}
work:
    li a0, 0x1000
    li a1, 1
loop:
    mul a1, a1, a1
    addi a1, a1, 3
    sd a1, 0(a0)
    lw a2, 4(a0)
    xor a1, a1, a2
    andi t0, a1, 8
    beqz t0, loop
    addi a1, a1, 1
    j loop
.align 4
tick:
    li t1, 0x10000000
    li t2, 46
    sb t2, 0(t1)
    addi s8, s8, -1
    beqz s8, done
    ld t2, 0(s9)
    addi t2, t2, 37
    sd t2, 0(s9)
    mret
done:
    li a0, 0
{EXIT}
"""

SLEEPY = (
    """
    li s9, 0x2004000
    li t0, 1000
    sd t0, 0(s9)
    li t0, 0x80
    csrw mie, t0
    wfi
    li t1, 0x10000000
    li t2, 87
    sb t2, 0(t1)
    li t0, -1
    sd t0, 0(s9)
    wfi
"""
    + EXIT
)


DISK = MemoryDrive(bytes(512))


def run_sliced(seed: int) -> tuple[str, bytes, int]:
    machine = boot(BUSY)
    chance = random.Random(seed)
    console = b""
    while machine.run(machine.now_ns + 10 * chance.randrange(1, 400)) is Stop.REACHED:
        console += machine.take_console()
    return machine.state_digest(), console + machine.take_console(), machine.instructions


def test_slicing_does_not_change_the_run() -> None:
    whole = boot(BUSY)
    assert whole.run(10_000_000) is Stop.FINISHED
    expected = (whole.state_digest(), whole.take_console(), whole.instructions)
    assert expected[1] == b"." * 20
    assert [run_sliced(seed) for seed in range(3)] == [expected] * 3


def test_one_instruction_slices_stop_at_every_instruction() -> None:
    machine, whole = boot(BUSY), boot(BUSY)
    for step in range(1, 400):
        assert machine.run(10 * step) is Stop.REACHED
        assert machine.instructions == step
    whole.run(3990)
    assert machine.state_digest() == whole.state_digest()


def test_an_idle_machine_jumps() -> None:
    machine = boot(SLEEPY)
    assert machine.run(50_000) is Stop.IDLE
    assert machine.now_ns == 50_000
    assert machine.next_event_ns() == 100_000
    assert machine.run(99_990) is Stop.IDLE
    assert machine.take_console() == b""
    assert machine.run(200_000) is Stop.IDLE
    assert machine.take_console() == b"W"
    assert machine.instructions < 40
    assert machine.next_event_ns() is None
    assert machine.run(10**12) is Stop.IDLE
    assert machine.now_ns == 10**12


def test_idle_jumps_can_be_sliced_too() -> None:
    whole, sliced = boot(SLEEPY), boot(SLEEPY)
    whole.run(300_000)
    for instant in range(10, 300_010, 70):
        sliced.run(min(instant, 300_000))
    sliced.run(300_000)
    assert sliced.state_digest() == whole.state_digest()


def test_a_runnable_machine_has_work_now() -> None:
    machine = boot("loop: j loop")
    machine.run(1000)
    assert machine.next_event_ns() == machine.now_ns == 1000


@pytest.mark.parametrize(("command", "code"), [(0x5555, 0), (0x3333, 0), (7 << 16 | 0x3333, 7)])
def test_the_finisher_ends_the_run_with_its_code(command: int, code: int) -> None:
    machine = boot(f"li t0, 0x100000\n li t1, {command}\n sw t1, 0(t0)\n loop: j loop")
    assert machine.run(10_000) is Stop.FINISHED
    assert machine.exit_code == code
    assert machine.run(20_000) is Stop.FINISHED
    assert machine.now_ns < 10_000


def test_reset_request_stops_the_run() -> None:
    machine = boot("li t0, 0x100000\n li t1, 0x7777\n sw t1, 0(t0)\n loop: j loop")
    assert machine.run(10_000) is Stop.RESET
    assert machine.exit_code is None


def test_drives_are_where_they_were_put() -> None:
    """Device ids of slots 2 to 4, and the low feature word of slot 3, by which it is read-only."""
    machine = boot(
        """
        li s0, 0x10003000
        lw s1, 8(s0)
        li s0, 0x10004000
        lw s2, 8(s0)
        lw s3, 16(s0)
        li s0, 0x10005000
        lw s4, 8(s0)
        """
        + EXIT,
        drives=[AttachedDrive(3, DISK, is_read_only=True)],
    )
    machine.run(10_000)
    assert [machine.register(number) for number in (9, 18, 20)] == [0, 2, 0]
    assert machine.register(19) & FEATURE_RO


def test_a_trap_loop_still_spends_time() -> None:
    machine = boot("csrw mtvec, zero\n .half 0")
    assert machine.run(100_000) is Stop.REACHED
    assert machine.now_ns == 100_000


def test_supervisor_timer_wakes_by_stimecmp() -> None:
    text = f"""
    la t0, handler
    csrw stvec, t0
    li t0, 0x8000000000000000
    csrw menvcfg, t0
    li t0, 7
    csrw mcounteren, t0
    li t0, 0x20
    csrw mideleg, t0
    {OPEN_PMP}{drop_to(1, "s")}
    s: csrr s4, time
    addi t0, s4, 500
    csrw stimecmp, t0
    li t0, 0x20
    csrw sie, t0
    csrrsi zero, sstatus, 2
    forever: wfi
    j forever
    .align 4
    handler: csrr s5, time
    csrr a0, scause
    slli a0, a0, 1
    srli a0, a0, 1
    {EXIT}
    """
    machine = boot(text)
    assert machine.run(1_000_000) is Stop.FINISHED
    assert machine.exit_code == 5
    assert machine.register(21) - machine.register(20) == 500


def test_entry_registers_are_those_of_the_board() -> None:
    machine = boot("nop", ram_bytes=64 << 20)
    expected = {5: 0x8000_0000, 11: 0x83E0_0000, 12: 0x1028}
    assert [machine.register(i) for i in range(32)] == [expected.get(i, 0) for i in range(32)]
    assert fdt.parse(machine.ram.read(0x83E0_0000, 4096)) == reset.device_tree(64 << 20)


def test_a_kernel_that_fills_the_memory_gets_no_device_tree() -> None:
    assert boot("nop").register(11) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ram_bytes": 5000}, "ram_bytes=5000"),
        ({"mac": b"12345"}, "mac="),
        ({"engine": "warp"}, "engine='warp'"),
        ({"drives": [AttachedDrive(1, DISK)]}, r"drives in slots \[1\]: expected .* 2\.\.7"),
        ({"drives": [AttachedDrive(8, DISK)]}, r"drives in slots \[8\]"),
        ({"drives": [AttachedDrive(3, DISK)] * 2}, r"drives in slots \[3, 3\]"),
    ],
)
def test_bad_options_name_the_field(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MachineOptions(kernel=program("nop"), **options)  # type: ignore[arg-type]  # Mixed types.


@pytest.mark.parametrize("until_ns", [105, -10])
def test_instants_between_ticks_or_in_the_past_are_refused(until_ns: int) -> None:
    with pytest.raises(ValueError, match="until_ns"):
        Machine(MachineOptions(kernel=program("nop"))).run(until_ns)
