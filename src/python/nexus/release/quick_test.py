"""A PEX with a quick start is a PEX, and starts what it has unpacked without its loader."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from nexus.entry.quick_start import VARIABLE
from nexus.release.quick import QuickError, main, quicken

# Stands for the loader of pex: says what it was started with.
LOADER: Final = f"""\
import json, os, sys
seen = dict(loader=True, arguments=sys.argv[1:], link=os.environ.get({VARIABLE!r}),
            root=os.environ.get("PEX_ROOT"), isolated=sys.flags.isolated)
print(json.dumps(seen))
"""
# Stands for what is unpacked.
UNPACKED: Final = """\
import json, os, sys
print(json.dumps(dict(loader=False, arguments=sys.argv[1:], pex=os.environ["PEX"],
                      isolated=sys.flags.isolated, utf8=sys.flags.utf8_mode)))
"""

OTHER_USER: Final = 65534
# Only root can give a folder away; others can put a link to a file of root's there.
GIVEN_AWAY: Final = (".", "bin", "pex") if os.geteuid() == 0 else ("pex",)

Seen = dict[str, object]
Start = Callable[..., Seen]


def make_pex(loader: str = LOADER) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        files = {"PEX-INFO": "{}", "__main__.py": loader, "nexus/x.py": "x = 1"}
        for name, content in files.items():  # Without a time, as pex makes them.
            archive.writestr(zipfile.ZipInfo(name), content)
    return b"#!/usr/bin/env python3\n" + packed.getvalue()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "a home"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python3").symlink_to(sys.executable)
    (folder / "nexus.pex").write_bytes(quicken(make_pex()))
    return folder


@pytest.fixture(params=["the file itself", "python3"])
def start(request: pytest.FixtureRequest, home: Path) -> Start:
    """Start the program, by one of the ways there are."""
    python = home / "bin" / "python3"
    words = ["/bin/sh"] if request.param == "the file itself" else [str(python)]

    def run(*arguments: str, options: tuple[str, ...] = (), **variables: str) -> Seen:
        command = [*words, *options, "./nexus.pex", *arguments]
        path = os.pathsep.join([str(home / "bin"), os.defpath])
        environment = {"PATH": path, "HOME": str(home), **variables}
        done = subprocess.run(
            command, cwd=home, env=environment, capture_output=True, check=True, text=True
        )
        assert done.stderr == ""
        seen: Seen = json.loads(done.stdout)
        return seen

    return run


def unpack(link: object) -> Path:
    """Make the folder that the first start leaves."""
    assert isinstance(link, str)
    folder = Path(link)
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    (folder / "pex").write_text(UNPACKED)
    return folder


def give_away(path: Path) -> None:
    """Let something be another user's.

    A sandbox may have an /etc/passwd of its user's own, but not a shell.
    """
    if os.geteuid() == 0:
        os.chown(path, OTHER_USER, OTHER_USER)
    else:
        path.unlink()
        path.symlink_to("/bin/sh")
    assert path.stat().st_uid != os.geteuid()


def test_the_first_start_goes_through_the_loader_and_names_the_link(
    start: Start, home: Path
) -> None:
    seen = start("a b", "", "--help")
    assert seen["loader"] is True
    assert seen["arguments"] == ["a b", "", "--help"]
    assert str(seen["link"]).startswith(f"{home}/.cache/pex/quick/")
    assert str(seen["link"]).endswith("/bin/python3")


def test_the_second_start_does_not(start: Start, home: Path) -> None:
    unpack(start()["link"])
    seen = start("a b", "", "--help")
    assert seen["loader"] is False
    assert seen["arguments"] == ["a b", "", "--help"]
    assert seen["isolated"] == 1
    assert os.path.samefile(home / str(seen["pex"]), home / "nexus.pex")


def test_both_ways_look_for_one_link(home: Path) -> None:
    starters = ("/bin/sh", str(home / "bin" / "python3"))
    environment = {"PATH": f"{home}/bin:{os.defpath}", "HOME": str(home)}
    said = {
        subprocess.run(
            [starter, home / "nexus.pex"], env=environment, capture_output=True, check=True
        ).stdout.partition(b'"isolated"')[0]
        for starter in starters
    }
    assert len(said) == 1


@pytest.mark.parametrize("missing", ["bin/python", "pex"])
def test_a_folder_that_was_half_removed_is_unpacked_again(missing: str, start: Start) -> None:
    link = unpack(start()["link"])
    (link / missing).unlink()
    assert start()["loader"] is True


@pytest.mark.parametrize("part", GIVEN_AWAY)
def test_another_users_program_is_not_started(part: str, start: Start) -> None:
    link = unpack(start()["link"])
    give_away(link / part)
    assert start()["loader"] is True


def test_a_place_that_depends_on_the_current_folder_is_not_looked_at(start: Start) -> None:
    unpack(start()["link"])
    assert start(PEX_ROOT=".cache/pex")["loader"] is True


@pytest.mark.parametrize("name", ["NEXUS_UNPACK_TO", "PEX_ROOT"])
def test_the_place_to_unpack_to_can_be_chosen(name: str, start: Start, tmp_path: Path) -> None:
    chosen = str(tmp_path / "a place")
    seen = start(**{name: chosen})
    assert seen["root"] == chosen
    assert str(seen["link"]).startswith(f"{chosen}/quick/")
    unpack(seen["link"])
    assert start(**{name: chosen})["loader"] is False
    assert start()["loader"] is True


@pytest.mark.parametrize(
    "name", ["PEX_TOOLS", "PEX_PATH", "PEX_PYTHON", "PEX_PYTHON_PATH", "PEX_INHERIT_PATH"]
)
def test_what_only_the_loader_can_do_is_left_to_it(name: str, start: Start) -> None:
    unpack(start()["link"])
    assert start(**{name: "1"})["loader"] is True


def test_variables_of_python_change_nothing_once_it_is_unpacked(start: Start, home: Path) -> None:
    unpack(start()["link"])
    (home / "json.py").write_text("raise SystemExit(1)")
    assert start(PYTHONPATH=str(home / "none"), PYTHONHASHSEED="7")["isolated"] == 1


def test_options_of_the_interpreter_are_kept(home: Path) -> None:
    environment = {"PATH": f"{home}/bin:{os.defpath}", "HOME": str(home)}
    command = [str(home / "bin" / "python3"), "-X", "utf8", str(home / "nexus.pex")]

    def seen() -> Seen:
        done = subprocess.run(command, env=environment, capture_output=True, check=True)
        found: Seen = json.loads(done.stdout)
        return found

    unpack(seen()["link"])
    assert (seen()["loader"], seen()["utf8"]) == (False, 1)


def test_without_a_home_the_loader_finds_its_own_place(home: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", home / "nexus.pex"],
        env={"PATH": f"{home}/bin:{os.defpath}"},
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout)["link"] == ""


def test_a_path_without_python_says_what_is_needed(home: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", home / "nexus.pex"],
        env={"PATH": "/nonexistent", "HOME": str(home)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 21
    assert done.stderr == (
        b"error: nexus needs CPython 3.11 to 3.14; PATH has no python3; "
        b"install one of those versions, or put the folder of one into PATH\n"
    )


def test_what_else_is_in_the_file_stays() -> None:
    with zipfile.ZipFile(io.BytesIO(quicken(make_pex()))) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == ["PEX-INFO", "__main__.py", "nexus/x.py"]
        assert archive.read("__main__.py").decode().endswith(LOADER)


def test_another_content_has_another_link_and_the_same_one_the_same_bytes() -> None:
    assert quicken(make_pex()) == quicken(make_pex())
    first, second = (quicken(make_pex(text)).partition(b"PK")[0] for text in ("1", "2"))
    assert first != second


@pytest.mark.parametrize(
    "content", [b"", b"#!/bin/sh\n", b"#!x\nPK", make_pex()[:-30], quicken(make_pex())]
)
def test_what_is_no_pex_is_refused(content: bytes) -> None:
    with pytest.raises(QuickError, match="is not a PEX"):
        quicken(content)


def test_the_program_writes_a_file_that_can_be_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "plain.pex", tmp_path / "quick.pex"
    assert main(["--pex", str(source), "--out", str(out)]) == 20
    said = f"--pex: cannot read {source}: No such file or directory; expected a PEX"
    assert capsys.readouterr().err == f"error: {said}\n"
    source.write_bytes(b"text")
    assert main(["--pex", str(source), "--out", str(out)]) == 20
    assert capsys.readouterr().err.startswith(f"error: --pex: {source}: is not a PEX: expected")
    source.write_bytes(make_pex())
    assert main(["--pex", str(source), "--out", str(out)]) == 0
    assert out.read_bytes() == quicken(make_pex())
    assert os.access(out, os.X_OK)
