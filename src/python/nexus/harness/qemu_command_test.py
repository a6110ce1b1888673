"""The QEMUs that will do, and the command line of one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nexus.emulator.isa.cpu import parse_cpu
from nexus.harness import plan_support, qemu_command
from nexus.harness.engine import EngineUnavailableError
from nexus.scene.guest import DrivePlan


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)\nCopyright", "7.2.22"),
        ("QEMU emulator version 7.2\n", "7.2"),
        ("QEMU emulator version 10.0.2\n", "10.0.2"),
    ],
)
def test_version_that_will_do(text: str, version: str) -> None:
    assert qemu_command.check_version(text) == version


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("QEMU emulator version 7.1.9\n", "is version 7.1.9; it must be 7.2 or newer"),
        ("QEMU emulator version 6.2.0\n", "is version 6.2.0"),
        ("bochs 2.7\nmore", "says 'bochs 2.7'"),
        ("", "says 'nothing'"),
    ],
)
def test_version_that_will_not_do(text: str, complaint: str) -> None:
    with pytest.raises(EngineUnavailableError) as caught:
        qemu_command.check_version(text)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def _command(version: str, *drives: DrivePlan) -> str:
    machine = replace(plan_support.machine_plan("A", 10), drives=drives)
    files = (Path("a.elf"), Path("a.node"))
    paths = {drive.slot: Path(f"a.{drive.slot}") for drive in drives}
    return " ".join(qemu_command.build("qemu", version, machine, *files, network=7, drives=paths))


def test_command_names_the_board_the_emulator_models() -> None:
    command = _command("8.0.1")
    assert "-M virt -smp 1 -m 64M -bios none -kernel a.elf" in command
    assert "-fw_cfg name=opt/org.nexus/node,file=a.node" in command
    assert "-netdev stream,id=n0,server=off,addr.type=fd,addr.str=7" in command
    assert "mac=52:54:00:00:00:0a,bus=virtio-mmio-bus.0" in command
    assert "virtio-rng-device,bus=virtio-mmio-bus.1" in command


def test_drives_are_in_the_slots_of_the_plan() -> None:
    command = _command("8.0.1", DrivePlan(2, b"s", False), DrivePlan(3, b"p", True))
    assert "-drive if=none,id=drive2,format=raw,readonly=off,file=a.2" in command
    assert "virtio-blk-device,drive=drive2,serial=drive2,bus=virtio-mmio-bus.2" in command
    assert "-drive if=none,id=drive3,format=raw,readonly=on,file=a.3" in command
    assert "virtio-blk-device,drive=drive3,serial=drive3,bus=virtio-mmio-bus.3" in command
    assert "virtio-blk-device" not in _command("8.0.1")


def test_command_opens_no_port_of_the_host() -> None:
    command = _command("8.0.1")
    for word in ("user,", "mcast", "listen", "hostfwd", "tcp", "server=on"):
        assert word not in command


def test_older_qemu_gets_the_configuration_in_its_flash() -> None:
    command = _command("7.2.22")
    assert "-device loader,file=a.node,addr=0x20000000,force-raw=on" in command
    assert "-fw_cfg" not in command


def test_processor_is_that_of_the_node() -> None:
    assert "-cpu rv64,h=false,zbc=false,f=false,d=false," in _command("8.0.1")
    machine = plan_support.machine_plan("A", 10)
    machine = replace(machine, boot=replace(machine.boot, cpu="rv64gc_zcb"))
    files = (Path("a.elf"), Path("a.node"))
    words = qemu_command.build("qemu", "8.0.1", machine, *files, network=7, drives={})
    assert "f=true,d=true,zicond=false,zcb=true" in words[words.index("-cpu") + 1]
    with pytest.raises(qemu_command.LackingError, match=r"QEMU 7\.2\.22 does not have 'zcb'"):
        qemu_command.build("qemu", "7.2.22", machine, *files, network=7, drives={})


@pytest.mark.parametrize(
    ("version", "has_all"),
    [("7.2.22", False), ("7.99", False), ("8.0", True), ("8.0.0", True), ("10.1", True)],
)
def test_extensions_and_the_configuration_depend_on_the_version(
    version: str, has_all: bool
) -> None:
    assert qemu_command.has_newer_extensions(version) is has_all
    words = qemu_command.qemu_cpu(parse_cpu("rv64imac"), version)
    assert ("zicond=false" in words, "zcb=false" in words) == (has_all, has_all)
    assert ("-fw_cfg" in _command(version)) is has_all
    assert ("loader," in _command(version)) is not has_all


def test_the_words_for_a_processor_name_what_is_on_and_what_is_off() -> None:
    assert qemu_command.qemu_cpu(parse_cpu("rv64gc_zba_zbs_sv48"), "7.2.22") == (
        "rv64,h=false,zbc=false,f=true,d=true,zba=true,zbb=false,zbs=true"
    )
    with pytest.raises(qemu_command.LackingError, match=r"'zicond'; it must be 8\.0$"):
        qemu_command.qemu_cpu(parse_cpu("rv64gc_zicond"), "7.2.22")


def test_the_whole_command_of_a_guest_of_another_make() -> None:
    machine = plan_support.machine_plan("A", 0xAB)
    boot = replace(machine.boot, harts=3, append="console=ttyS0 quiet")
    machine = replace(machine, boot=boot, ram_bytes=96 << 20, drives=())
    files = (Path("a.elf"), Path("a.node"))
    loaded = {"bios": Path("a.bios"), "initrd": Path("a.initrd")}
    words = qemu_command.build("q", "9.0", machine, *files, network=5, drives={}, loaded=loaded)
    assert words == [
        "q",
        "-cpu",
        qemu_command.qemu_cpu(parse_cpu(boot.cpu), "9.0"),
        "-M",
        "virt",
        "-smp",
        "3",
        "-m",
        "96M",
        "-bios",
        "a.bios",
        "-kernel",
        "a.elf",
        "-initrd",
        "a.initrd",
        "-append",
        "console=ttyS0 quiet",
        "-nodefaults",
        "-no-user-config",
        "-no-reboot",
        "-display",
        "none",
        "-monitor",
        "none",
        "-serial",
        "stdio",
        "-global",
        "virtio-mmio.force-legacy=false",
        "-fw_cfg",
        "name=opt/org.nexus/node,file=a.node",
        "-netdev",
        "stream,id=n0,server=off,addr.type=fd,addr.str=5",
        "-device",
        "virtio-net-device,netdev=n0,mac=52:54:00:00:00:ab,bus=virtio-mmio-bus.0",
        "-device",
        "virtio-rng-device,bus=virtio-mmio-bus.1",
    ]
