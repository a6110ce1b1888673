"""Write the files of a package image to a new folder.

    python -m nexus.image.package_extract packages.img --out FOLDER [--bundle NAME[@VERSION]]

A file becomes `FOLDER/bundle@version/path`.  The folder must not exist yet, so that nothing in it,
such as a link, can lead a file elsewhere.

Exit codes: 0; 1 the file is not a good image; 20 it could not be read, nothing is called so, the
folder could not be written, or the command line is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nexus.core.commandline import EXIT_CONFIG, CommandLine, fail
from nexus.core.errors import NexusError, did_you_mean
from nexus.entry.program import run_program
from nexus.image.error import ImageError
from nexus.image.package_file import load_image
from nexus.image.package_image import Entry, PackageImage, PackageImageError
from nexus.image.package_inspect import EXIT_BAD


def choose(image: PackageImage, bundle: str | None) -> list[Entry]:
    """List the files of a bundle, or of one of its versions; by default all.

    Raises:
        ImageError: there are none.
    """
    if bundle is None:
        return list(image.entries)
    names = {entry.bundle for entry in image.entries}
    names |= {f"{entry.bundle}@{entry.version}" for entry in image.entries}
    if bundle not in names:
        held = ", ".join(sorted(names))
        raise ImageError(f"no bundle {bundle!r}; held: {held}{did_you_mean(bundle, names)}")
    return [e for e in image.entries if bundle in (e.bundle, f"{e.bundle}@{e.version}")]


def main(arguments: Sequence[str]) -> int:
    """Verify, choose, write."""
    parser = CommandLine("nexus pkg extract", "Write the files of a package image.")
    parser.add_argument("image", type=Path, help="a package image")
    parser.add_argument(
        "--out", required=True, type=Path, metavar="FOLDER", help="a folder to make"
    )
    parser.add_argument(
        "--bundle", metavar="NAME[@VERSION]", help="extract only this bundle; default: all"
    )
    try:
        options = parser.parse_args(arguments)
        image = load_image(options.image)
        _write(image, choose(image, options.bundle), options.out)
    except NexusError as exc:
        return fail(exc, EXIT_BAD if isinstance(exc, PackageImageError) else EXIT_CONFIG)
    return 0


def _write(image: PackageImage, entries: Sequence[Entry], folder: Path) -> None:
    try:
        folder.mkdir(parents=True)
        for entry in entries:
            path = folder / entry.name
            path.parent.mkdir(parents=True, exist_ok=True)
            # Two names that this disk takes for one are reported, not written over each other.
            with path.open("xb") as stream:
                stream.write(image.read(entry))
    except OSError as exc:
        raise ImageError(f"--out: cannot write {exc.filename}: {exc.strerror}") from exc


if __name__ == "__main__":
    run_program(main)
