"""A PEX with a quick start is a PEX, and starts what it has unpacked without its loader."""

from __future__ import annotations

import ast
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
from nexus.release.starter_support import starter

# Stands for the loader of pex: says what it was started with.
LOADER: Final = f"""\
import json, os, sys
seen = dict(loader=True, arguments=sys.argv[1:], link=os.environ.get({VARIABLE!r}),
            root=os.environ.get("PEX_ROOT"), isolated=sys.flags.isolated,
            pex=sorted(name for name in os.environ if "PEX" in name))
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
Done = subprocess.CompletedProcess[bytes]


def make_pex(loader: str = LOADER) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        files = {"PEX-INFO": "{}", "__main__.py": loader, "nexus/x.py": "x = 1"}
        for name, content in files.items():  # Without a time, as pex makes them.
            archive.writestr(zipfile.ZipInfo(name), content)
    return f"#!{starter()}\n".encode() + packed.getvalue()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "a home"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python3").symlink_to(sys.executable)
    (folder / "nexus.pex").write_bytes(quicken(make_pex()))
    return folder


@pytest.fixture
def as_file(home: Path) -> Start:
    """Start the program by its own text for the shell."""
    return starts(home, "/bin/sh")


@pytest.fixture
def by_python(home: Path) -> Start:
    """Start the program as Pants does."""
    return starts(home, str(home / "bin" / "python3"))


@pytest.fixture(params=["as_file", "by_python"])
def start(request: pytest.FixtureRequest) -> Start:
    """Start the program, by one of the ways there are."""
    way: Start = request.getfixturevalue(request.param)
    return way


def starts(home: Path, *words: str) -> Start:
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
    assert start(NEXUS_UNPACK_TO=".cache/pex")["loader"] is True


def test_the_place_to_unpack_to_can_be_chosen(start: Start, tmp_path: Path) -> None:
    chosen = str(tmp_path / "a place")
    seen = start(NEXUS_UNPACK_TO=chosen)
    assert seen["root"] == chosen
    assert str(seen["link"]).startswith(f"{chosen}/quick/")
    unpack(seen["link"])
    assert start(NEXUS_UNPACK_TO=chosen)["loader"] is False
    assert start()["loader"] is True


@pytest.mark.parametrize(
    "name",
    [
        "PEX",
        "PEX_MODULE",
        "PEX_ROOT",
        "PEX_TOOLS",
        "PEX_OF_TOMORROW",
        "_PEX_SHOULD_EXIT_BOOTSTRAP_REEXEC",
        "__PEX_ENTRY_POINT__",
    ],
)
def test_no_variable_of_another_pex_reaches_a_file_that_is_started(
    name: str, as_file: Start
) -> None:
    first = as_file(**{name: "1"})
    assert first["pex"] == ["PEX_IGNORE_RCFILES"]
    assert first == as_file()
    unpack(first["link"])
    assert as_file(**{name: "1"})["loader"] is False


@pytest.mark.parametrize(
    "name", ["PEX_MODULE", "PEX_TOOLS", "PEX_PATH", "PEX_PYTHON", "PEX_PYTHON_PATH"]
)
def test_the_loader_gets_them_where_the_file_is_given_to_python(
    name: str, by_python: Start
) -> None:
    unpack(by_python()["link"])
    seen = by_python(**{name: "1"})
    assert (seen["loader"], seen["pex"]) == (True, [name])


def test_pants_may_choose_the_place_to_unpack_to(by_python: Start, tmp_path: Path) -> None:
    chosen = str(tmp_path / "a place")
    seen = by_python(PEX_ROOT=chosen)
    assert str(seen["link"]).startswith(f"{chosen}/quick/")
    unpack(seen["link"])
    assert by_python(PEX_ROOT=chosen)["loader"] is False


def test_variables_of_python_change_nothing_once_it_is_unpacked(start: Start, home: Path) -> None:
    unpack(start()["link"])
    (home / "json.py").write_text("raise SystemExit(1)")
    assert start(PYTHONPATH=str(home / "none"), PYTHONHASHSEED="7")["isolated"] == 1


def start_by_older(home: Path, *arguments: str, **variables: str) -> Done:
    """Start the program by a Python that says it is 3.4, whose name is not in PATH."""
    older = "import runpy, sys; sys.version_info = (3, 4, 10); sys.argv[:1] = []; del sys.orig_argv"
    program = f"{older}; runpy.run_path('nexus.pex', None, '__main__')"
    return subprocess.run(
        [sys.executable, "-c", program, "nexus.pex", *arguments],
        cwd=home,
        env={"PATH": os.defpath, "HOME": str(home), **variables},
        capture_output=True,
        check=False,
    )


def test_a_python_that_is_too_old_leaves_the_start_to_one_of_path(home: Path) -> None:
    """By a link of its own name it would find what another Python unpacked."""
    done = start_by_older(home, "a b", "", PATH=f"{home}/bin:{os.defpath}")
    seen = json.loads(done.stdout)
    assert seen["arguments"] == ["a b", ""]
    assert str(seen["link"]).endswith(f"{home}/bin/python3")


def test_a_python_that_is_too_old_and_alone_gets_one_line(home: Path) -> None:
    done = start_by_older(home, PATH="/none", PYTHONHASHSEED="0")
    assert (done.returncode, done.stdout) == (21, b"")
    assert b"needs CPython 3.11 to 3.14; PATH has no python3; install" in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_a_python_that_is_too_old_leaves_a_choice_of_pants_to_the_loader(home: Path) -> None:
    done = start_by_older(home, PATH="/none", PEX_MODULE="nexus.other")
    assert json.loads(done.stdout)["pex"] == ["PEX_MODULE"]


def test_a_python_of_any_age_can_read_what_comes_before_the_loader() -> None:
    with zipfile.ZipFile(io.BytesIO(quicken(make_pex("")))) as archive:
        tree = ast.parse(archive.read("__main__.py"))
    assert any(isinstance(node, ast.FunctionDef) for node in tree.body)
    newer = (ast.JoinedStr, ast.Starred, ast.AnnAssign, ast.NamedExpr)
    assert [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, newer)] == []


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
    assert b"CPython 3.11 to 3.14; PATH has no python3; install" in done.stderr
    assert done.stderr.count(b"\n") == 1


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
