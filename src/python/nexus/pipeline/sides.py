"""The two sides of a comparison: copies of this repository, far apart in every way but the source.

The first is built as this user builds, with this user's caches: what was built and has passed
before.  The second has another path, home, user, time zone and folder for sandboxes, and no cache.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# A cold build takes some minutes; one that hangs must not hang the pipeline.
RUN_SECONDS_MAX: Final = 1800

LOG_TAIL_CHARS: Final = 4000

# The user of the second side, where the machine allows it.
OTHER_USER: Final = 4711
OTHER_NAME: Final = "somebody-else"

# From <sched.h>.
_NEW_USER: Final = 0x10000000

# Variables that would show one side to the other, or give the second a cache.
_DROPPED: Final = ("PANTS_", "PEX", "XDG_", "PYTHON")


@dataclass(frozen=True)
class Side:
    """A copy of the repository, and how Pants is run in it."""

    name: str
    folder: Path
    environment: Mapping[str, str]
    become: Callable[[], None] | None = None


@dataclass(frozen=True)
class Built:
    """The remains of a run on one side: its exit code, its log, its files."""

    exit_code: int
    log: str
    files: Mapping[str, bytes]


def first_side(folder: Path) -> Side:
    """This user's."""
    return Side("first", folder / "first", _environment())


def second_side(folder: Path, is_other_user: bool) -> Side:
    """The other user's."""
    away = folder / "away"
    temporary, home = away / "tmp", away / "home" / OTHER_NAME
    for each in (temporary, home):
        each.mkdir(parents=True)
    environment = {name: value for name, value in _environment().items() if name != "LC_ALL"}
    environment.update(
        HOME=str(home),
        USER=OTHER_NAME,
        LOGNAME=OTHER_NAME,
        TMPDIR=str(temporary),
        TZ="Asia/Kathmandu",
        LANG="C",
    )
    become = _become_other_user if is_other_user else None
    return Side("second", away / "a" / "longer" / "path" / "second", environment, become)


def _environment() -> dict[str, str]:
    found = {name: value for name, value in os.environ.items() if not name.startswith(_DROPPED)}
    home = Path(found.get("HOME", "/nonexistent"))
    cache = Path(os.environ.get("XDG_CACHE_HOME", home / ".cache"))
    # Pants itself and the interpreters are part of the machine, wherever they are.
    found.setdefault("NEXUS_PANTS_CACHE", str(cache / "nexus-pants"))
    if (home / ".pyenv").is_dir():
        found.setdefault("PYENV_ROOT", str(home / ".pyenv"))
    return {**found, "CI": "true", "PANTS_CONFIG_FILES": "pants.ci.toml"}


def _become_other_user() -> None:
    """Be another user to every program that asks, with the rights of this one."""
    lines = (("setgroups", "deny"),)
    maps = (("uid_map", os.getuid()), ("gid_map", os.getgid()))
    if ctypes.CDLL(None, use_errno=True).unshare(_NEW_USER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    for name, line in (*lines, *((name, f"{OTHER_USER} {own} 1") for name, own in maps)):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(line)


def can_be_other_user() -> bool:
    """Whether this machine gives this user a user namespace."""
    try:
        done = subprocess.run(
            ["id", "-u"], preexec_fn=_become_other_user, capture_output=True, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.stdout.strip() == str(OTHER_USER).encode()


def copy_sources(root: Path, folder: Path) -> None:
    """Copy what a commit of the working tree would hold."""
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
    )
    for name in listed.stdout.decode().split("\0"):
        source = root / name
        # A file that is deleted and not yet committed is still listed.
        if name and source.is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)


def build(side: Side, goals: Sequence[str]) -> Built:
    """Run Pants on a side; take what it left below `dist`."""
    log = side.folder.with_name(f"{side.name}.log")
    with log.open("wb") as output:
        done = subprocess.run(
            ["./pants", "--no-pantsd", *goals],
            cwd=side.folder,
            env=dict(side.environment),
            preexec_fn=side.become,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=RUN_SECONDS_MAX,
            check=False,
        )
    dist = side.folder / "dist"
    files = {
        path.relative_to(dist).as_posix(): path.read_bytes()
        for path in sorted(dist.rglob("*"))
        if path.is_file()
    }
    return Built(done.returncode, log.read_text(errors="replace"), files)


def remove(folder: Path) -> None:
    """Remove a folder with what Pants has left there read-only."""

    def allow(function: Callable[[str], object], path: str, _: object) -> None:
        os.chmod(os.path.dirname(path), 0o700)
        os.chmod(path, 0o700)
        function(path)

    shutil.rmtree(folder, onerror=allow)
