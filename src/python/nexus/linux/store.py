"""The Linux guest as files: where its packages are kept, and what was made of them.

What was made lies in the folder of the test project, because the targets of its tests name it.
"""

from __future__ import annotations

import hashlib
import lzma
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from nexus.linux.deb import read_files
from nexus.linux.disk import RECIPE, make_disk
from nexus.linux.fetch import Package
from nexus.linux.guest import MODULES, Guest, make_initrd

# Names of the files that a machine boots; a disk is beside them.
NAMES: Final = ("firmware", "kernel", "initrd")
DISK: Final = "disk"
# Where the targets `fetched_file` look, from the repository's root.
FETCHED: Final = Path("testprojects/linux_pair/fetched")
_FIRMWARE: Final = "usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin"
_BUSYBOX: Final = "usr/bin/busybox"
_KERNEL: Final = "boot/vmlinux-*"
_MODULE: Final = "usr/lib/modules/*/kernel/{}.ko.xz"
_DONE: Final = "made-of"


def default_folder() -> Path:
    """Return the folder of packages, unless an option says otherwise."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "nexus-linux"


def make(folder: Path, packages: Mapping[str, Package]) -> dict[str, Path]:
    """Make the guest's files and its disk, unless they are of these packages already.

    Raises:
        PackageError: A package lacks what it should have.
        FetchError: The disk cannot be made on this host.
    """
    made_of = _recipe(packages)
    done = folder / _DONE
    paths = {name: folder / name for name in (*NAMES, DISK)}
    is_there = all(path.is_file() for path in (*paths.values(), done))
    if is_there and done.read_text() == made_of:
        return paths
    folder.mkdir(parents=True, exist_ok=True)
    done.unlink(missing_ok=True)
    guest = unpack({part: package.path.read_bytes() for part, package in packages.items()})
    for name in NAMES:
        _write(paths[name], getattr(guest, name))
    make_disk(paths[DISK])
    done.write_text(made_of)
    return paths


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: a test may be reading it."""
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    part.replace(path)


def unpack(packages: Mapping[str, bytes]) -> Guest:
    """Take the packages `kernel`, `busybox` and `firmware` apart, and make a guest of them.

    Raises:
        PackageError: A package lacks what it should have.
    """
    patterns = {_MODULE.format(path): path for path in MODULES}
    files = read_files(packages["kernel"], [_KERNEL, *patterns])
    (kernel,) = (data for path, data in files.items() if path.startswith("boot/"))
    modules = {
        path: next(data for name, data in files.items() if name.endswith(f"/kernel/{path}.ko.xz"))
        for path in MODULES
    }
    (busybox,) = read_files(packages["busybox"], [_BUSYBOX]).values()
    (firmware,) = read_files(packages["firmware"], [_FIRMWARE]).values()
    return Guest(firmware, kernel, make_initrd(busybox, modules))


def _recipe(packages: Mapping[str, Package]) -> str:
    # A guest that another version of this program made is another one.
    script = make_initrd(b"", dict.fromkeys(MODULES, lzma.compress(b"")))
    lines = [f"{part} {package.digest}" for part, package in sorted(packages.items())]
    made = hashlib.sha256(script + RECIPE.encode()).hexdigest()
    return "\n".join([*lines, made, ""])
