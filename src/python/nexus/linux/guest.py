"""The Linux guest: what it is made of, and the script that its first process runs.

Kernel, modules and busybox are Debian's, unchanged; the initial RAM disk is put together here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from nexus.linux.cpio import (
    CHARACTER_DEVICE,
    DIRECTORY,
    FILE,
    LINK,
    PROGRAM,
    Entry,
    archive,
)
from nexus.linux.modules import unpacked

# In the order in which they need each other.
MODULES: Final = (
    "drivers/virtio/virtio_mmio",
    "net/core/failover",
    "drivers/net/net_failover",
    "drivers/net/virtio_net",
    "drivers/block/virtio_blk",
    "lib/crc16",
    "crypto/crc32c_generic",
    "fs/mbcache",
    "fs/jbd2/jbd2",
    "fs/ext4/ext4",
)
# The kernel tests its own cryptography at each boot, which is not used here.
ARGUMENTS: Final = "console=ttyS0 quiet cryptomgr.notests"
RAM_MIB: Final = 256
SHELL_MARKER: Final = "linux: shell"
# The SHA-256 of what node A sends node B: `seq 1 20000`.
FILE_DIGEST: Final = "f6351f5ead9a700e34275480b3856ea738122a7c57bdeb744a631251c069587a"

_COMMON: Final = """\
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in {modules}; do insmod /lib/modules/$module.ko; done
ip link set lo up
disk() {{
    mount -t ext4 /dev/vda /mnt || echo "linux: no disk"
}}
stored() {{
    echo "linux: $1 $(sha256sum < /mnt/file | cut -d ' ' -f 1)"
}}
again() {{
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ $tries -lt 60 ] || return 1
        sleep 1
    done
}}
case "$role" in
"""

# An argument of the kernel chooses the machine's role; init gets it as a variable.
_ROLES: Final = """\
    write)
        echo "linux: shell"
        disk
        seq 1 20000 > /mnt/file
        sync
        stored wrote
        umount /mnt
        reboot -f
        ;;
    read)
        disk
        stored read
        date -u '+linux: %Y'
        poweroff -f
        ;;
    a)
        ip addr add 10.0.2.1/24 dev eth0
        ip link set eth0 up
        echo "linux: up"
        again ping -c 1 -W 1 10.0.2.2 > /dev/null && echo "linux: ping"
        seq 1 20000 > /file
        again nc 10.0.2.2 7000 < /file && echo "linux: sent"
        ;;
    b)
        ip addr add 10.0.2.2/24 dev eth0
        ip link set eth0 up
        disk
        if [ -e /mnt/file ]; then
            stored kept
        else
            echo "linux: up"
            nc -l -p 7000 > /mnt/part
            mv /mnt/part /mnt/file
            sync
            stored synced
        fi
        ;;
    *)
        echo "linux: harts $(nproc)"
        echo "linux: shell"
        exec setsid sh -c 'exec sh < /dev/ttyS0 > /dev/ttyS0 2>&1'
        ;;
esac
echo "linux: end"
while :; do sleep 3600; done
"""


@dataclass(frozen=True, slots=True)
class Guest:
    """The three files that a machine boots."""

    firmware: bytes
    kernel: bytes
    initrd: bytes


def make_initrd(busybox: bytes, modules: Mapping[str, bytes]) -> bytes:
    """Put the initial RAM disk together.

    Args:
        busybox: A static one, which is every program there is.
        modules: By path below the kernel's folder of modules, as the package has them.
    """
    names = [path.rpartition("/")[2] for path in MODULES]
    script = _COMMON.format(modules=" ".join(names)) + _ROLES
    folders = ("bin", "dev", "lib", "lib/modules", "mnt", "proc", "sys")
    entries = [
        *(Entry(name, DIRECTORY) for name in folders),
        Entry("dev/console", CHARACTER_DEVICE, device=(5, 1)),
        Entry("bin/busybox", PROGRAM, busybox),
        Entry("bin/sh", LINK, b"busybox"),
        Entry("init", PROGRAM, script.encode()),
    ]
    for path, name in zip(MODULES, names, strict=True):
        entries.append(Entry(f"lib/modules/{name}.ko", FILE, unpacked(modules[path])))
    return archive(entries)
