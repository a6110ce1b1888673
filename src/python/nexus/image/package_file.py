"""Package images and their parts on a disk: reading with a bound, in words for a person."""

from __future__ import annotations

from pathlib import Path

from nexus.entry.reading import read_bounded
from nexus.image.error import ImageError
from nexus.image.package_image import IMAGE_BYTES_MAX, PackageImage, PackageImageError, read_image


def read_file(path: Path, limit: int) -> bytes:
    """Read a file of at most so many bytes.

    Raises:
        ImageError: it is missing, too long or no file.
    """
    try:
        content = read_bounded(path, limit)
    except IsADirectoryError as exc:
        raise ImageError(f"{path}: is not a file") from exc
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
    content = read_file(path, IMAGE_BYTES_MAX)
    try:
        return read_image(content)
    except PackageImageError as exc:
        raise PackageImageError(exc.fault, exc.detail, str(path)) from exc
