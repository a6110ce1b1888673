"""The program packs what manifests name, and every mistake is a line."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import jsonschema
import pytest

from nexus.image import package
from nexus.image.error import ImageError
from nexus.image.package_image import read_image
from nexus.image.package_manifest import build_schema, parse_manifest

MANIFEST = """
[bundle]
name = "demo"
version = "1.2.0"
[[file]]
path = "z.txt"
[[file]]
path = "etc/motd"
source = "texts/motd.txt"
[[file]]
path = "noise"
generate = { bytes = 5000, seed = "s" }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts/motd.txt").write_bytes(b"hello\n")
    (tmp_path / "z.txt").write_bytes(b"z")
    (tmp_path / "bundle.toml").write_text(MANIFEST)
    return tmp_path


def build(folder: Path) -> bytes:
    out = folder / "out.img"
    assert package.main(["--manifest", str(folder / "bundle.toml"), "--out", str(out)]) == 0
    return out.read_bytes()


def test_files_and_their_listing(folder: Path) -> None:
    image = read_image(build(folder))
    found = {entry.name: image.read(entry) for entry in image.entries}
    noise = hashlib.shake_256(b"s").digest(5000)
    listing = found.pop("demo@1.2.0/contents.txt")
    assert found == {
        "demo@1.2.0/etc/motd": b"hello\n",
        "demo@1.2.0/noise": noise,
        "demo@1.2.0/z.txt": b"z",
    }
    assert listing.decode().splitlines() == [
        f"{hashlib.sha256(b'hello' + bytes([10])).hexdigest()} 6 etc/motd",
        f"{hashlib.sha256(noise).hexdigest()} 5000 noise",
        f"{hashlib.sha256(b'z').hexdigest()} 1 z.txt",
    ]


def test_neither_folder_nor_order_reach_the_image(folder: Path, tmp_path: Path) -> None:
    parts = MANIFEST.split("[[file]]")
    other = tmp_path / "elsewhere"
    (other / "texts").mkdir(parents=True)
    for name in ("z.txt", "texts/motd.txt"):
        (other / name).write_bytes((folder / name).read_bytes())
    (other / "bundle.toml").write_text("[[file]]".join([parts[0], *reversed(parts[1:])]))
    assert build(other) == build(folder)


BAD: list[tuple[str, str, str]] = [
    ('name = "demo"', 'name = "Demo"', "bundle.name: 'Demo'; expected what matches"),
    ('name = "demo"', "", "bundle.name: is missing"),
    ("version", "versio", "bundle.versio: '1.2.0'; unknown key"),
    ('version = "1.2.0"', "version = 1", "bundle.version: 1; "),
    ('path = "z.txt"', 'path = "../z.txt"', "file[0].path: '../z.txt'; expected"),
    ('path = "z.txt"', 'path = "/z.txt"', "file[0].path: '/z.txt'; expected"),
    ('path = "z.txt"', 'path = "contents.txt"', "made by the builder"),
    ('path = "z.txt"', 'path = "noise"', "path 'noise' is given twice"),
    ('path = "z.txt"', 'path = "etc"', "path 'etc' is both a file and a folder"),
    ('"texts/motd.txt"', '"/etc/passwd"', "file[1].source: '/etc/passwd'; expected"),
    ('"texts/motd.txt"', '"../x"', "file[1].source: '../x'; expected"),
    ("bytes = 5000", "bytes = -1", "file[2].generate.bytes: -1; "),
    ("bytes = 5000", "bytes = 33554433", "file[2].generate.bytes: 33554433; "),
    ('path = "noise"', 'path = "noise"\nsource = "z.txt"', "'source' or 'generate', not both"),
    ('"texts/motd.txt"', '"texts/none"', "cannot read"),
    ('"texts/motd.txt"', '"texts"', "is not a file"),
    ("[bundle]", "bundle", ".toml:2: is not TOML: "),
]


@pytest.mark.parametrize(("old", "new", "said"), BAD)
def test_a_mistake_is_one_line(
    folder: Path, old: str, new: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bundle.toml").write_text(MANIFEST.replace(old, new, 1))
    out = folder / "out.img"
    assert package.main(["--manifest", str(folder / "bundle.toml"), "--out", str(out)]) == 20
    lines = capsys.readouterr().err.splitlines()
    assert [line.startswith(f"error: {folder}") for line in lines] == [True] * len(lines)
    assert any(said in line for line in lines)
    assert not out.exists()


def test_a_link_does_not_lead_out_of_the_folder(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "z.txt").unlink()
    (folder / "z.txt").symlink_to("/etc/hostname")
    assert package.main(["--manifest", str(folder / "bundle.toml"), "--out", "x"]) == 20
    assert "is a link out of the manifest's folder" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--out", "x"], ["--manifest", "none", "--out", "x"]])
def test_a_wrong_command_line_is_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert package.main(arguments) == 20
    assert capsys.readouterr().err.count("\n") == 1


def test_two_bundles_of_one_name_and_version_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twice = ["--manifest", str(folder / "bundle.toml")] * 2
    assert package.main([*twice, "--out", str(folder / "x")]) == 20
    assert "is given twice" in capsys.readouterr().err


def test_the_schema_accepts_what_the_model_accepts() -> None:
    schema = build_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(tomllib.loads(MANIFEST), schema)
    for old, new in (("name =", "nmae ="), ('"demo"', '"Demo"'), ("5000", "-1"), ("[[file]]", "")):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(tomllib.loads(MANIFEST.replace(old, new, 1)), schema)


def test_a_manifest_without_files_is_refused() -> None:
    with pytest.raises(ImageError, match=r"m: file"):
        parse_manifest('file = []\n[bundle]\nname = "a"\nversion = "1"\n', "m")
