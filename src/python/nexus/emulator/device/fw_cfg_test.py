import struct

import pytest

from nexus.emulator.bus import BusError
from nexus.emulator.device.fw_cfg import FILES_MAX, FwCfg
from nexus.emulator.memory import RAM_BASE, Ram

FILES = {"opt/org.nexus/node": b"NXCF-blob", "opt/a": b"first"}


def select(device: FwCfg, key: int) -> None:
    device.write(8, 2, int.from_bytes(key.to_bytes(2, "big"), "little"))


def take(device: FwCfg, length: int) -> bytes:
    return bytes(device.read(0, 1) for _ in range(length))


@pytest.fixture
def ram() -> Ram:
    return Ram(1 << 16)


def test_signature_id_and_wide_reads(ram: Ram) -> None:
    device = FwCfg(FILES, ram)
    select(device, 0)
    assert device.read(0, 4).to_bytes(4, "little") == b"QEMU"
    assert device.read(0, 4) == 0
    select(device, 1)
    assert device.read(0, 4) == 3
    assert device.read(16, 8).to_bytes(8, "little") == b"QEMU CFG"


@pytest.mark.parametrize(("given", "harts"), [({}, 1), ({"harts": 4}, 4)])
def test_the_number_of_harts(ram: Ram, given: dict[str, int], harts: int) -> None:
    device = FwCfg({}, ram, **given)
    select(device, 5)
    assert take(device, 3) == bytes([harts, 0, 0])


def test_before_anything_is_selected_the_signature_is(ram: Ram) -> None:
    device = FwCfg({}, ram)
    assert [device.read(0, 1) for _ in range(5)] == [*b"QEMU", 0]


def test_directory_lists_files_by_name(ram: Ram) -> None:
    device = FwCfg(FILES, ram)
    select(device, 0x19)
    assert int.from_bytes(take(device, 4), "big") == 2
    entries = [struct.unpack(">IHH56s", take(device, 64)) for _ in range(2)]
    assert [(size, name.rstrip(b"\0")) for size, _, _, name in entries] == [
        (5, b"opt/a"),
        (9, b"opt/org.nexus/node"),
    ]
    select(device, entries[1][1])
    assert take(device, 12) == b"NXCF-blob\0\0\0"


def dma(device: FwCfg, ram: Ram, control: int, length: int, address: int) -> int:
    ram.write(RAM_BASE, struct.pack(">IIQ", control, length, address))
    device.write(16, 4, int.from_bytes((RAM_BASE >> 32).to_bytes(4, "big"), "little"))
    low = (RAM_BASE & 0xFFFF_FFFF).to_bytes(4, "big")
    device.write(20, 4, int.from_bytes(low, "little"))
    return int.from_bytes(ram.read(RAM_BASE, 4), "big")


def test_dma_selects_skips_and_reads(ram: Ram) -> None:
    device = FwCfg(FILES, ram)
    assert dma(device, ram, 0x21 << 16 | 8 | 4, 5, 0) == 0
    assert dma(device, ram, 2, 6, RAM_BASE + 64) == 0
    assert ram.read(RAM_BASE + 64, 6) == b"blob\0\0"


def test_dma_that_only_selects_stands_at_the_start(ram: Ram) -> None:
    device = FwCfg(FILES, ram)
    for control in (0x21 << 16 | 8, 0):  # Nothing is asked for: nothing moves.
        assert dma(device, ram, control, 5, RAM_BASE + 64) == 0
        assert ram.read(RAM_BASE + 64, 6) == bytes(6)
    assert take(device, 9) == b"NXCF-blob"


def test_the_bit_of_errors_asks_for_nothing(ram: Ram) -> None:
    device = FwCfg(FILES, ram)
    assert dma(device, ram, 0x21 << 16 | 8 | 4 | 1, 5, 0) == 0
    assert take(device, 4) == b"blob"


def test_nobody_skips_beyond_the_end(ram: Ram) -> None:
    device = FwCfg(FILES, ram)
    assert dma(device, ram, 0x21 << 16 | 8 | 4, 8, 0) == 0
    assert dma(device, ram, 4, 1 << 20, 0) == 0
    assert take(device, 2) == bytes(2)


def test_a_descriptor_may_be_named_at_once_and_one_that_is_not_memory_is_left_alone(
    ram: Ram,
) -> None:
    device = FwCfg(FILES, ram)
    ram.write(RAM_BASE, struct.pack(">IIQ", 0x21 << 16 | 8 | 2, 4, RAM_BASE + 64))
    before = bytes(ram.buffer)
    for place in (0, RAM_BASE + (1 << 16) - 15):
        device.write(16, 8, int.from_bytes(place.to_bytes(8, "big"), "little"))
    assert bytes(ram.buffer) == before
    device.write(16, 8, int.from_bytes(RAM_BASE.to_bytes(8, "big"), "little"))
    assert ram.read(RAM_BASE + 64, 4) == b"NXCF"
    assert ram.read(RAM_BASE, 4) == bytes(4)


@pytest.mark.parametrize(("offset", "size"), [(8, 1), (8, 4), (16, 2), (20, 8), (24, 4), (9, 2)])
def test_there_are_no_other_registers(ram: Ram, offset: int, size: int) -> None:
    with pytest.raises(BusError):
        FwCfg(FILES, ram).write(offset, size, 0)


@pytest.mark.parametrize(
    ("control", "length", "address"), [(2, 8, 0x1000), (2, 1 << 20, RAM_BASE), (16, 1, RAM_BASE)]
)
def test_dma_errors_are_reported(ram: Ram, control: int, length: int, address: int) -> None:
    assert dma(FwCfg(FILES, ram), ram, control, length, address) == 1


def test_the_selector_cannot_be_read(ram: Ram) -> None:
    with pytest.raises(BusError):
        FwCfg(FILES, ram).read(8, 2)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"x" * 56: b""}, "name"),
        ({"": b""}, "name"),
        ({f"f{i}": b"" for i in range(FILES_MAX + 1)}, "33 files"),
    ],
)
def test_bad_files_are_refused(ram: Ram, files: dict[str, bytes], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FwCfg(files, ram)


def test_items_of_the_firmware_have_their_numbers(ram: Ram) -> None:
    device = FwCfg({"b": b"two", "a": b"1"}, ram)
    items = {0x00: b"QEMU", 0x01: b"\3\0\0\0", 0x05: b"\1\0", 0x20: b"1", 0x21: b"two", 0x22: b""}
    directory = struct.pack(">I", 2)
    directory += struct.pack(">IHH56s", 1, 0x20, 0, b"a") + struct.pack(">IHH56s", 3, 0x21, 0, b"b")
    for key, content in {**items, 0x19: directory}.items():
        for bit in (0, 0x4000):  # A bit of earlier times.
            device.write(8, 2, int.from_bytes((key | bit).to_bytes(2, "big"), "little"))
            read = bytes(device.read(0, 1) for _ in range(len(content) + 1))
            assert read == content + b"\0", hex(key)
    device.write(8, 2, 0x0080)  # 0x8000, in the other order.
    assert device.read(0, 8) == 0
    assert [device.read(at, 4) for at in (16, 20)] == [
        int.from_bytes(text, "little") for text in (b"QEMU", b" CFG")
    ]
    for offset in (8, 9, 15):
        with pytest.raises(BusError):
            device.read(offset, 1)


def test_there_may_be_32_files_with_names_of_55_bytes(ram: Ram) -> None:
    files = {f"{number:055}": b"" for number in range(32)}
    assert FwCfg(files, ram).read(0, 1) == ord("Q")
    with pytest.raises(ValueError, match=r"^fw_cfg: 33 files; expected at most 32$"):
        FwCfg({**files, "one more": b""}, ram)
    with pytest.raises(ValueError, match=r"; expected 1\.\.55 bytes$"):
        FwCfg({"n" * 56: b""}, ram)


def test_an_engine_that_shares_the_position_hears_of_each_selected_item(ram: Ram) -> None:
    device = FwCfg({"a": b"first"}, ram)
    device.read(0, 1)
    place = [0]
    heard: list[bytes] = []
    device.share(place, heard.append)
    assert (place, heard) == ([1], [b"QEMU"]), "where it stands, and in which item"
    assert device.read(0, 2) == int.from_bytes(b"EM", "little")
    assert place == [3]
    place[0] = 0  # The engine has moved it.
    assert device.read(0, 4) == int.from_bytes(b"QEMU", "little")
    device.write(8, 2, 0x2000)
    assert (place, heard[1:]) == ([0], [b"first"])
    device.restored()
    assert heard[2:] == [b"first"], "another item may be selected after a restore"
    device.write(8, 2, 0x7777)
    assert heard[3:] == [b""]
