"""Build a package image of bundles of ordinary files.

    python -m nexus.image.package --manifest system/bundle.toml ... --out packages.img

Every bundle gets one file more, `contents.txt`, with a line for each of the others: SHA-256, size
and path.  By it a reader without directories can list a bundle, and check what it fetched.  Same
inputs, same bytes: neither the order of the options nor paths, times or users reach the output.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from nexus.core import toml
from nexus.core.commandline import CommandLine, fail
from nexus.core.errors import NexusError
from nexus.entry.program import run_program
from nexus.image.error import ImageError
from nexus.image.package_file import read_file
from nexus.image.package_image import FILE_BYTES_MAX, PackageFile, build_image
from nexus.image.package_manifest import CONTENTS, Manifest, parse_manifest

_MANIFEST_BYTES_MAX = 1 << 20

# Given a `source`, returns the content.
Fetch = Callable[[str], bytes]


def collect(manifest: Manifest, fetch: Fetch) -> Iterator[PackageFile]:
    """Give the files of one bundle, the listing included."""
    bundle = manifest.bundle
    lines = []
    for file in sorted(manifest.file, key=lambda file: file.path.encode()):
        content = fetch(file.origin) if file.generate is None else file.generate.content()
        lines.append(contents_line(file.path, content))
        yield PackageFile(bundle.name, bundle.version, file.path, content)
    yield PackageFile(bundle.name, bundle.version, CONTENTS, "".join(lines).encode())


def contents_line(path: str, content: bytes) -> str:
    """Describe one file, as `contents.txt` has it."""
    return f"{hashlib.sha256(content).hexdigest()} {len(content)} {path}\n"


def build(bundles: Iterable[tuple[Manifest, Fetch]]) -> bytes:
    """Pack bundles into an image."""
    return build_image(file for manifest, fetch in bundles for file in collect(manifest, fetch))


def main(arguments: Sequence[str]) -> int:
    """Read, build, write; one line a mistake and exit code 20 for whatever is wrong."""
    parser = CommandLine("nexus pkg build", "Build a package image of bundles of files.")
    parser.add_argument(
        "--manifest",
        action="append",
        required=True,
        type=Path,
        metavar="TOML",
        help="a bundle (repeatable)",
    )
    parser.add_argument(
        "--out", required=True, type=Path, metavar="FILE", help="the image to write"
    )
    try:
        options = parser.parse_args(arguments)
        image = build([_load(path) for path in options.manifest])
        _write(options.out, image)
    except NexusError as exc:
        return fail(exc)
    return 0


def _load(path: Path) -> tuple[Manifest, Fetch]:
    try:
        text = toml.decode(read_file(path, _MANIFEST_BYTES_MAX))
    except toml.TomlError as exc:
        raise ImageError(exc.at(str(path))) from exc
    folder = path.parent

    def fetch(source: str) -> bytes:
        inside = (folder / source).resolve()
        if not inside.is_relative_to(folder.resolve()):
            raise ImageError(f"{path}: source {source!r} is a link out of the manifest's folder")
        return read_file(folder / source, FILE_BYTES_MAX)

    return parse_manifest(text, str(path)), fetch


def _write(path: Path, image: bytes) -> None:
    try:
        path.write_bytes(image)
    except OSError as exc:
        raise ImageError(f"--out: cannot write {path}: {exc.strerror}") from exc


if __name__ == "__main__":
    run_program(main)
