"""The folders of executed processes: those that exist, links resolved, one that is writable."""

from __future__ import annotations

from pathlib import Path

from nexus.remotecache.sandbox import (
    Sandbox,
    interpreter_folders,
    pants_cache,
    tool_folders,
    visible_folders,
)
from nexus.remotecache.settings import SANDBOX_CACHES

# The system refuses to look at a name of so many letters, as it does for a folder of another user.
LONG = "x" * 300


def test_each_folder_is_mounted_from_where_it_is_to_where_it_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / "usr-bin").mkdir()
    (tmp_path / "bin").symlink_to("usr-bin")
    caches = tmp_path / "caches"

    arguments = Sandbox((tmp_path / "bin",), caches).arguments()

    assert arguments == [
        f"--ro-bind-mount={tmp_path}/usr-bin:{tmp_path}/bin",
        f"--bind-mount={caches}:{SANDBOX_CACHES}",
    ]


def test_folders_that_do_not_exist_are_left_out(tmp_path: Path) -> None:
    pyenv = tmp_path / "pyenv"
    pyenv.mkdir()
    environment = {"PYENV_ROOT": str(pyenv), "NEXUS_PANTS_CACHE": str(tmp_path / LONG)}

    folders = visible_folders(environment, [tmp_path, tmp_path / "nor-this"])

    assert pyenv in folders
    assert tmp_path in folders
    assert Path("/usr") in folders
    assert all(folder.is_dir() for folder in folders)


def test_tools_are_looked_for_where_processes_can_see_them(tmp_path: Path) -> None:
    shims = tmp_path / "pyenv" / "shims"
    tools, hidden = tmp_path / "tools" / "bin", tmp_path / "hidden"
    for folder in (shims, tools, hidden):
        folder.mkdir(parents=True)
    environment = {"PATH": f"{shims}:{hidden}:{tools}:{tools}:{tmp_path}/missing:/{LONG}"}

    found = tool_folders(environment, [tmp_path / "pyenv", tmp_path / "tools"])

    assert found == (str(tools),)


def test_every_version_that_pyenv_has_is_found(tmp_path: Path) -> None:
    versions = [tmp_path / "pyenv" / "versions" / name / "bin" for name in ("3.11.7", "3.9.18")]
    for folder in versions:
        folder.mkdir(parents=True)

    found = interpreter_folders([tmp_path, tmp_path / "pyenv"])

    assert found == tuple(str(folder) for folder in versions)


def test_the_folder_of_pants_is_where_the_launcher_keeps_it(tmp_path: Path) -> None:
    caches = {"XDG_CACHE_HOME": str(tmp_path)}

    assert pants_cache({}) == Path.home() / ".cache" / "nexus-pants"
    assert pants_cache(caches) == tmp_path / "nexus-pants"
    assert pants_cache({**caches, "NEXUS_PANTS_CACHE": "/opt/nexus-pants"}) == Path(
        "/opt/nexus-pants"
    )
