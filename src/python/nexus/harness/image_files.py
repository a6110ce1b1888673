"""The files that a command line names: images, disks and compiled code, each bounded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from nexus.core.errors import did_you_mean
from nexus.emulator import payload
from nexus.emulator.elf import ImageError
from nexus.entry.reading import read_bounded
from nexus.harness.plan import PlanError

# More than any guest needs, far less than would hurt: a wrong file is recognized.
_IMAGE_BYTES_MAX: Final = 64 << 20

# The most a package image may have; a disk that fits is read whole into memory.
_DRIVE_BYTES_MAX: Final = 128 << 20
_SECTOR_BYTES: Final = 512


class Images:
    """The images given, each read once however many machines boot it or have it as a drive."""

    def __init__(self, paths: Mapping[str, Path]) -> None:
        """Take the files by the names of their images."""
        self._paths = paths
        self._read: dict[str, bytes] = {}
        self._drives: dict[str, bytes] = {}

    def read(self, label: str, name: str, *, has_firmware: bool) -> bytes:
        """The content of an image to boot."""
        path = self._find(label, "image", name)
        if name not in self._read:
            self._read[name] = _read_image(name, path, has_firmware=has_firmware)
        return self._read[name]

    def read_file(self, label: str, field: str, name: str) -> bytes:
        """The content of what is loaded beside it."""
        path = self._find(label, field, name)
        if name not in self._read:
            self._read[name] = _read(f"--image {name}", path, _IMAGE_BYTES_MAX)
        return self._read[name]

    def read_drive(self, label: str, field: str, name: str) -> bytes:
        """The content of a disk: whole sectors, the last one filled up with zeros."""
        path = self._find(label, field, name)
        if name not in self._drives:
            content = _read(f"--image {name}", path, _DRIVE_BYTES_MAX)
            self._drives[name] = content + bytes(-len(content) % _SECTOR_BYTES)
        return self._drives[name]

    def _find(self, label: str, field: str, name: str) -> Path:
        if name in self._paths:
            return self._paths[name]
        given = ", ".join(sorted(self._paths)) or "none"
        raise PlanError(
            f"machine {label}: {field}: {name!r} was not given; given with --image: {given}"
            + did_you_mean(name, self._paths)
        )

    def check_all_used(self, world: str) -> None:
        """Refuse an image that no machine needs: it is a mistyped name."""
        unused = sorted(set(self._paths) - set(self._read) - set(self._drives))
        if unused:
            raise PlanError(f"{world}: --image: {unused[0]!r} is used by no machine")


def read_native_code(path: Path | None) -> bytes | None:
    """Read the native interpreter's code, if it was named."""
    return None if path is None else _read("--native-blob", path, _IMAGE_BYTES_MAX)


def read_translations(path: Path | None) -> bytes | None:
    """Read what the images were translated to, if it was named."""
    return None if path is None else _read("--translations", path, _IMAGE_BYTES_MAX)


def _read_image(name: str, path: Path, *, has_firmware: bool) -> bytes:
    option = f"--image {name}"
    content = _read(option, path, _IMAGE_BYTES_MAX)
    try:
        # Whatever the engine: QEMU would run anything, and say nothing.
        payload.read(content, "kernel", may_be_flat=has_firmware)
    except ImageError as exc:
        raise PlanError(f"{option}: {path}: {exc}") from exc
    return content


def _read(option: str, path: Path, bytes_max: int) -> bytes:
    try:
        content = read_bounded(path, bytes_max)
    except OSError as exc:
        raise PlanError(f"{option}: cannot read {path}: {exc.strerror}") from exc
    if not content:
        raise PlanError(f"{option}: {path} is empty")
    if len(content) > bytes_max:
        raise PlanError(f"{option}: {path} is larger than {bytes_max} bytes")
    return content
