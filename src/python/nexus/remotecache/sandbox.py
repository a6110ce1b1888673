"""The view that an executed process has of this machine.

The runner starts each process under bubblewrap: in the root are its inputs, `/tmp` is empty, and
of the machine there are the folders named here.  None can be written to, save the caches.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nexus.remotecache.refusing import is_folder
from nexus.remotecache.settings import SANDBOX_CACHES

# Where the tools of a Linux machine are; `/etc` for resolving names and certificates.
SYSTEM: Final = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc")

# Long enough for a machine with other work; a try takes milliseconds.
TRY_SECONDS_MAX: Final = 60


@dataclass(frozen=True)
class Sandbox:
    """The folders that each process sees, and the one that processes share and may write to."""

    folders: tuple[Path, ...]
    caches: Path

    def arguments(self) -> list[str]:
        """The configuration of the runner.

        A link such as `/bin` to `usr/bin` cannot be mounted, so what it points to is.
        """
        return [
            *(f"--ro-bind-mount={folder.resolve()}:{folder}" for folder in self.folders),
            f"--bind-mount={self.caches}:{SANDBOX_CACHES}",
        ]


def visible_folders(environment: Mapping[str, str], more: Sequence[Path]) -> tuple[Path, ...]:
    """The system's folders, pyenv's interpreters, Pants's own venv, and those asked for.

    Pants names tools by where it finds them on its machine, among them the interpreter it runs on.
    """
    pyenv = Path(environment.get("PYENV_ROOT") or Path.home() / ".pyenv")
    system = [Path(folder) for folder in SYSTEM]
    found = (*system, pyenv, pants_cache(environment), *more)
    return tuple(folder for folder in found if is_folder(folder))


def pants_cache(environment: Mapping[str, str]) -> Path:
    """Return the folder where the launcher keeps Pants's own venv."""
    caches = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(environment.get("NEXUS_PANTS_CACHE") or caches / "nexus-pants")


def tool_folders(environment: Mapping[str, str], folders: Sequence[Path]) -> tuple[str, ...]:
    """The folders of PATH that are visible."""
    on_path = [Path(entry) for entry in environment.get("PATH", os.defpath).split(os.pathsep)]
    return tuple(
        str(candidate)
        for candidate in dict.fromkeys(on_path)
        # A shim of pyenv chooses by files and variables that are not there.
        if candidate.name != "shims"
        and is_folder(candidate)
        and any(candidate.is_relative_to(folder) for folder in folders)
    )


def interpreter_folders(folders: Sequence[Path]) -> tuple[str, ...]:
    """Every version that pyenv has, if it is visible."""
    return tuple(
        str(version) for folder in folders for version in sorted(folder.glob("versions/*/bin"))
    )


def refusal() -> str | None:
    """Return the reason why this machine cannot confine a process; nothing if it can."""
    bubblewrap = shutil.which("bwrap")
    if bubblewrap is None:
        return "there is no `bwrap` on PATH; on Debian: apt-get install bubblewrap"
    tried = subprocess.run(
        [bubblewrap, "--unshare-pid", "--dev-bind", "/", "/", "--proc", "/proc", "true"],
        check=False,
        capture_output=True,
        timeout=TRY_SECONDS_MAX,
        env={"PATH": os.environ.get("PATH", os.defpath)},
    )
    if tried.returncode:
        said = tried.stderr.decode(errors="replace").strip()
        return f"`bwrap` cannot make a sandbox here: {said}"
    return None
