"""Package images and their parts on a disk: reading with a bound, in words for a person."""

from __future__ import annotations

import stat
from pathlib import Path

from nexus.image.error import ImageError
from nexus.image.package_image import IMAGE_BYTES_MAX, PackageImage, read_image


def read_file(path: Path, limit: int) -> bytes:
    """Read a regular file of at most so many bytes.

    Raises:
        ImageError: it is missing, too long or no file.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ImageError(f"{path}: is not a file")
        with path.open("rb") as stream:
            content = stream.read(limit + 1)
    except OSError as exc:
        raise ImageError(f"{path}: cannot read: {exc.strerror}") from exc
    if len(content) > limit:
        raise ImageError(f"{path}: larger than {limit} bytes")
    return content


def load_image(path: Path) -> PackageImage:
    """Read and verify an image.

    Raises:
        PackageImageError: it was read, and is not a good image.
        ImageError: it could not be read.
    """
    return read_image(read_file(path, IMAGE_BYTES_MAX))
