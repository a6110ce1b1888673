"""The folder of the Linux guest: packages as they were fetched, and what was made of them."""

from __future__ import annotations

import hashlib
import lzma
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from nexus.linux.deb import read_files
from nexus.linux.fetch import Package
from nexus.linux.guest import MODULES, Guest, make_initrd

NAMES: Final = ("firmware", "kernel", "initrd")
_FIRMWARE: Final = "usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin"
_BUSYBOX: Final = "usr/bin/busybox"
_KERNEL: Final = "boot/vmlinux-*"
_MODULE: Final = "usr/lib/modules/*/kernel/{}.ko.xz"
_DONE: Final = "made-of"


def default_folder() -> Path:
    """Where the guest is kept, unless somebody says otherwise."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "nexus-linux"


def find(folder: Path) -> dict[str, Path] | None:
    """The files of a guest that was made before; None if there is none."""
    paths = {name: folder / "guest" / name for name in NAMES}
    is_there = all(path.is_file() for path in (*paths.values(), folder / "guest" / _DONE))
    return paths if is_there else None


def make(folder: Path, packages: Mapping[str, Package]) -> dict[str, Path]:
    """Make the guest's files, unless they are of these packages already.

    Raises:
        PackageError: A package lacks what it should have.
    """
    made_of = _recipe(packages)
    done = folder / "guest" / _DONE
    found = find(folder)
    if found is not None and done.read_text() == made_of:
        return found
    done.unlink(missing_ok=True)
    done.parent.mkdir(parents=True, exist_ok=True)
    guest = unpack({part: package.path.read_bytes() for part, package in packages.items()})
    for name in NAMES:
        (folder / "guest" / name).write_bytes(getattr(guest, name))
    done.write_text(made_of)
    return {name: folder / "guest" / name for name in NAMES}


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
    return "\n".join([*lines, hashlib.sha256(script).hexdigest(), ""])
