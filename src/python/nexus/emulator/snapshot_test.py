"""A run that is saved and restored half-way ends like one that was not, on either engine."""

from __future__ import annotations

import hashlib
import random
from contextlib import suppress

import pytest

from nexus.core.randomness import KeyedRandom
from nexus.emulator.board import AttachedDrive
from nexus.emulator.device.virtio_blk import MemoryDrive
from nexus.emulator.machine import Machine, MachineOptions, Stop
from nexus.emulator.program_support import EXIT, START_QUEUE, program
from nexus.emulator.random_program_cases import random_program
from nexus.emulator.reference import state as s
from nexus.emulator.snapshot import FORMAT, SnapshotError, restore, save

RAM_BYTES = 1 << 20
# Behind the header, the size of memory, a digest, and how many words there are.
WORDS_AT = 40 + 8 + 32 + 4
# The beginning of the digest of all names that a machine with every device saves, by format.
SAVED = {4: "309476f57fcc7a89"}


def options_of(text: str, **more: object) -> MachineOptions:
    values: dict[str, object] = {"kernel": program(text), "ram_bytes": RAM_BYTES, **more}
    return MachineOptions(**values)  # type: ignore[arg-type]  # Mixed types.


def resumed(machine: Machine, options: MachineOptions) -> Machine:
    """Save, restore, and see that nothing was lost that a second look would show."""
    snapshot = save(machine)
    other = restore(options, snapshot)
    assert save(other) == snapshot
    assert (other.now_ns, other.instructions) == (machine.now_ns, machine.instructions)
    return other


@pytest.mark.parametrize("seed", range(6))
def test_random_programs_go_on_as_if_nothing_had_happened(seed: int) -> None:
    options = options_of(random_program(seed, 300))
    straight, broken = Machine(options), Machine(options)
    chance = random.Random(seed)
    instant = 0
    for _ in range(8):
        instant += 10 * chance.randrange(1, 4000)
        straight.run(instant)
        broken.run(instant)
        broken = resumed(broken, options)
        assert broken.state_digest() == straight.state_digest()


# Echoes typed bytes through interrupts, reads entropy and two disk sectors, sleeps in between.
DEVICES = f"""
    li s0, 0x10000000
    li t0, 5
    sb t0, 1(s0)
    li s1, 0x2004000
    li s2, 40
loop:
    ld t0, 0(s1)
    addi t0, t0, 17
    sd t0, 0(s1)
    li t0, 0x80
    csrw mie, t0
    wfi
    lbu t1, 5(s0)
    andi t1, t1, 1
    beqz t1, silent
    lbu t1, 0(s0)
    sb t1, 0(s0)
silent:
    addi s2, s2, -1
    bnez s2, loop
    li a0, 3
{EXIT}
"""


def test_typed_and_printed_bytes_and_sleep_survive() -> None:
    options = options_of(DEVICES)
    straight, broken = Machine(options), Machine(options)
    for machine in (straight, broken):
        machine.run(3000)
        assert machine.offer_console(b"typed before") == len("typed before")
    instant = 3000
    while instant < 200_000 and broken.exit_code is None:
        broken = resumed(broken, options)
        instant += 1230
        broken.run(instant)
    assert straight.run(instant) is Stop.FINISHED
    assert broken.take_console() == straight.take_console() == b"typed before"
    assert broken.state_digest() == straight.state_digest()
    assert resumed(broken, options).exit_code == 3


def test_a_page_of_the_image_that_the_guest_zeroed_stays_zero() -> None:
    image = """
    la t0, data
    li t1, 512
clear:
    sd zero, (t0)
    addi t0, t0, 8
    addi t1, t1, -1
    bnez t1, clear
wait:
    j wait
.align 4096
data:
"""
    options = options_of(image + ".dword 0x1122334455667788\n" * 512)
    machine = Machine(options)
    address = machine.ram.buffer.find(bytes.fromhex("8877665544332211"))
    assert address % 4096 == 0
    machine.run(50_000)
    other = resumed(machine, options)
    assert other.ram.buffer[address : address + 4096] == bytes(4096)


def test_the_entropy_source_goes_on_where_it_was() -> None:
    def options() -> MachineOptions:
        drawn = iter(range(1 << 20))
        random = KeyedRandom(7)

        def source(length: int) -> bytes:
            return b"".join(random.bytes(1, next(drawn)) for _ in range(length))

        return options_of(RNG, entropy=source)

    straight, broken = Machine(options()), Machine(options())
    broken.run(300)
    for instant in range(300, 2000, 100):
        broken.run(instant)
        broken = restore(options(), save(broken))
    straight.run(1900)
    assert broken.run(1900) is straight.run(1900)
    assert broken.state_digest() == straight.state_digest()
    assert straight.register(20) != 0


RNG = f"""
    li s0, 0x10002000
{START_QUEUE}
    la t1, table
    la t2, ring
    la s1, drawn
    sd s1, 0(t1)
again:
    sw zero, 0x50(s0)
    ld s3, 0(s1)
    xor s4, s4, s3
    lhu t0, 2(t2)
    addi t0, t0, 1
    sh t0, 2(t2)
    j again
.align 16
table: .dword 0
 .word 8, 2
ring: .half 0, 1, 0, 0, 0, 0, 0, 0, 0, 0
.align 16
used: .space 128
drawn: .dword 0
"""


def test_disks_in_memory_are_part_of_it() -> None:
    def options(content: bytes) -> MachineOptions:
        return options_of("nop", drives=[AttachedDrive(2, MemoryDrive(content))])

    snapshot = save(Machine(options(b"x" * 512)))
    drive = MemoryDrive(bytes(512))
    restore(options_of("nop", drives=[AttachedDrive(2, drive)]), snapshot)
    assert drive.content == b"x" * 512


def corrupted(snapshot: bytes, offset: int, *, resealed: bool = False) -> bytes:
    bent = bytearray(snapshot)
    bent[offset] ^= 1
    if resealed:
        bent[8:40] = hashlib.sha256(bent[40:]).digest()
    return bytes(bent)


def test_damage_is_found() -> None:
    options = options_of("nop")
    snapshot = save(Machine(options))
    for offset, said in ((0, "magic"), (4, "format"), (10, "digest"), (900, "digest")):
        with pytest.raises(SnapshotError, match=said):
            restore(options, corrupted(snapshot, offset))
    for length in (0, 39, len(snapshot) - 1):
        with pytest.raises(SnapshotError):
            restore(options, snapshot[:length])


def test_a_snapshot_of_an_earlier_version_is_refused_by_its_format() -> None:
    """Before format 4 the clock had one value more."""
    options = options_of("nop")
    older = bytearray(save(Machine(options)))
    older[4:6] = (3).to_bytes(2, "little")
    with pytest.raises(SnapshotError, match=r"^snapshot: format 3; expected 4; save it again$"):
        restore(options, bytes(older))


def test_a_snapshot_whose_digest_is_right_may_still_be_nonsense() -> None:
    options = options_of("nop")
    snapshot = save(Machine(options))
    for offset in (*range(40, 86, 3), *range(len(snapshot) - 400, len(snapshot), 5)):
        bad = corrupted(snapshot, offset, resealed=True)
        with suppress(SnapshotError):
            assert save(restore(options, bad)) == bad


def test_a_hart_that_the_machine_lacks_cannot_have_the_turn() -> None:
    options = options_of("nop")
    bad = corrupted(save(Machine(options)), WORDS_AT + 8 * s.HART, resealed=True)
    with pytest.raises(SnapshotError, match="hart 1 has the turn; expected one below 1"):
        restore(options, bad)


def test_every_hart_keeps_its_own_number() -> None:
    options = options_of("nop", harts=3)
    machine = Machine(options)
    machine.core(2).state[s.HART] = 1 << 40
    assert restore(options, save(machine)).core(2).state[s.HART] == 2


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"ram_bytes": 2 << 20}, "memory 1048576, not 2097152"),
        ({"fw_cfg": {"opt/a": b""}}, "with another kernel, other files or other slots"),
        ({"mac": b"123456"}, "with another kernel, other files or other slots"),
        ({"drives": [AttachedDrive(2, MemoryDrive(bytes(512)))]}, "other files or other slots"),
    ],
)
def test_other_machines_are_refused(more: dict[str, object], said: str) -> None:
    with pytest.raises(SnapshotError, match=said):
        restore(options_of("nop", **more), save(Machine(options_of("nop"))))


def test_other_values_of_devices_are_another_format() -> None:
    """If it is not the digest: raise FORMAT, and write the new one behind its number."""
    drives = [AttachedDrive(2, MemoryDrive(bytes(512)))]
    options = options_of("nop", harts=2, mac=b"123456", entropy=bytes, drives=drives)
    devices = Machine(options).devices.stateful
    names = [f"{type(device).__name__}: {', '.join(device.SAVED)}" for device in devices]
    assert hashlib.sha256("\n".join(names).encode()).hexdigest()[:16] == SAVED[FORMAT], names
