"""The machines of a world on QEMU as one would start them by hand: nothing of ours beside them.

Two are joined by one socket, so that frames go from one to the other without a switch.  What is
measured is the processes of QEMU alone, from the start of the first until every console has shown
the guest's last line.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

from nexus.bench.process import Cost, run
from nexus.contract import marker
from nexus.emulator import payload
from nexus.harness import arguments, qemu, qemu_command
from nexus.harness.loading import load_plan
from nexus.harness.plan import MachinePlan, Plan

# The name of such a run among those of the engines.
BARE: Final = "bare qemu"

# The ends of cables that the machines inherit: free in a process that has just been started.
_FIRST_CABLE: Final = 10
_MACHINES_MAX: Final = 2

# Starts the machines, in a process that is small: where they start is where they are copied from.
_STARTER: Final = """
import json, os, selectors, socket, sys, time
job = json.load(open(sys.argv[1]))
ends = socket.socketpair()
watched, waiting, children = selectors.DefaultSelector(), {}, []
began = time.perf_counter()
for number, words in enumerate(job["commands"]):
    console, out = os.pipe()
    children.append(os.posix_spawnp(words[0], words, os.environ, file_actions=[
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, out, 1),
        (os.POSIX_SPAWN_DUP2, ends[number].fileno(), job["cables"][number]),
    ]))
    os.close(out)
    waiting[console] = b""
    watched.register(console, selectors.EVENT_READ)
is_whole = True
while waiting:
    for key, _ in watched.select():
        data = os.read(key.fd, 65536)
        waiting[key.fd] += data
        if job["last"].encode() in waiting[key.fd] or not data:
            is_whole = is_whole and bool(data)
            watched.unregister(key.fd)
            del waiting[key.fd]
wall = time.perf_counter() - began
for child in children:
    os.kill(child, 9)
used = [os.wait4(child, 0)[2] for child in children]
cpu = sum(usage.ru_utime + usage.ru_stime for usage in used)
print(json.dumps([wall, cpu, max(usage.ru_maxrss for usage in used)]))
sys.exit(not is_whole)
"""


def plan_of(world: Path, images: dict[str, Path]) -> Plan:
    """Read a world as `os2vm` does."""
    named = [word for name, path in images.items() for word in ("--image", f"{name}={path}")]
    return load_plan(arguments.parse(["--world", str(world), *named]))


def run_bare(plan: Plan, folder: Path) -> Cost:
    """Run the machines of a world to their last lines.

    Raises:
        ProcessFailedError: A machine ended before, or none did in time.
    """
    assert len(plan.machines) <= _MACHINES_MAX, f"{plan.name}: one cable has two ends"
    program, version = qemu.find()
    cables = [_FIRST_CABLE + port for port in range(len(plan.machines))]
    commands = [
        _command(program, version, machine, cable, folder)
        for machine, cable in zip(plan.machines, cables, strict=True)
    ]
    job = {"commands": commands, "cables": cables, "last": f"{marker.SELFTEST_END}\n"}
    path = folder / "bare.json"
    path.write_text(json.dumps(job), encoding="utf-8")
    wall_s, cpu_s, rss_kib = json.loads(
        run([sys.executable, "-I", "-S", "-c", _STARTER, str(path)]).output
    )
    return Cost(wall_s, cpu_s, rss_kib, "")


def _command(
    program: str, version: str, machine: MachinePlan, cable: int, folder: Path
) -> list[str]:
    kernel, config = folder / f"{machine.label}.elf", folder / f"{machine.label}.node"
    kernel.write_bytes(payload.unpack(machine.image, "kernel"))
    config.write_bytes(machine.config)
    drives = {}
    for drive in machine.drives:
        drives[drive.slot] = folder / f"{machine.label}.drive{drive.slot}"
        drives[drive.slot].write_bytes(drive.content)
    return qemu_command.build(program, version, machine, kernel, config, cable, drives)
