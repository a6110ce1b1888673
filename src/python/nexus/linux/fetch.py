"""Gets what the Linux guest is made of from Debian, by apt, without touching this host.

apt works in folders of its own and for another architecture: nothing is installed, and the host's
lists stay as they are.  Debian signs the list of its packages and their digests, and apt checks
that; what is pinned below is checked here once more.  When Debian replaces a pinned version, its
newest is taken, under the signed digest alone, and the report says so.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nexus.core.errors import NexusError

ARCHITECTURE: Final = "riscv64"
RELEASE: Final = "trixie"
MIRROR_DEFAULT: Final = "http://deb.debian.org/debian"
_KEYRING: Final = "/usr/share/keyrings/debian-archive-keyring.gpg"
_KERNEL_META: Final = "linux-image-riscv64"
_SECONDS_MAX: Final = 600

# Package file and digest of the versions that this was written with.
PINNED: Final[Mapping[str, str]] = {
    "busybox-static_1.37.0-6+b9": (
        "4add476d2b185c5b487c285b38d790f0881a7e4a8e2ddde835f917e770eb8633"
    ),
    "opensbi_1.6-1": "dc4a43bd21a0ca11771ed8b19ee6fa8476d1d0f4976bd0b27c0357c699d27e1e",
    "linux-image-6.12.117+deb13-riscv64_6.12.117-1": (
        "f5d9424b6f6a4518197202effc7e8eeaa90f8d73466c2dba2470f6ea7fb4f55c"
    ),
}

_CONFIGURATION: Final = """\
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Sandbox::User "";
Dir::State "{folder}/state";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "{folder}/none";
Dir::Etc::preferencesparts "{folder}/none";
Acquire::Languages "none";
Acquire::Retries "2";
"""


class FetchError(NexusError):
    """A file that this host cannot have; the text says why, in one line."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package as it was fetched."""

    name: str
    version: str
    path: Path
    digest: str
    is_pinned: bool

    def describe(self) -> str:
        """Say in one line what it is and how far it was checked."""
        how = "pinned" if self.is_pinned else "checked by Debian's signature alone"
        return f"{self.name} {self.version}, sha256 {self.digest}, {how}"


def fetch(folder: Path, mirror: str = MIRROR_DEFAULT) -> dict[str, Package]:
    """Fetch kernel, busybox and firmware into a folder, where they stay for the next time.

    Raises:
        FetchError: There is no apt, no network, or a file is not what it has to be.
    """
    if shutil.which("apt-get") is None:
        raise FetchError(
            "apt-get is not on this host; it fetches Debian's kernel: use Debian or Ubuntu"
        )
    if not Path(_KEYRING).is_file():
        raise FetchError(f"{_KEYRING} is missing; install debian-archive-keyring")
    _prepare(folder, mirror)
    _apt(folder, "update")
    names = {"kernel": _kernel_name(folder), "busybox": "busybox-static", "firmware": "opensbi"}
    return {part: _download(folder, name) for part, name in names.items()}


def _prepare(folder: Path, mirror: str) -> None:
    for name in ("state/lists/partial", "cache/archives/partial", "none", "packages"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    source = f"deb [signed-by={_KEYRING}] {mirror} {RELEASE} main\n"
    (folder / "sources.list").write_text(source)
    text = _CONFIGURATION.format(folder=folder, architecture=ARCHITECTURE)
    (folder / "apt.conf").write_text(text)


def _apt(folder: Path, *words: str) -> None:
    done = _run(folder, "apt-get", "-qq", *words)
    # A mirror that cannot be reached is a warning to apt, if it never had its lists.
    said = [line for line in done.stderr.splitlines() if line.startswith(("E:", "W:"))]
    if done.returncode or (said and words[0] == "update"):
        text = (said or [f"exit code {done.returncode}"])[0]
        raise FetchError(f"apt-get {' '.join(words)}: {text}")


def _run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "APT_CONFIG": str(folder / "apt.conf"), "LC_ALL": "C.UTF-8"}
    try:
        return subprocess.run(
            words,
            cwd=folder / "packages",
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise FetchError(f"{' '.join(words)}: not done after {_SECONDS_MAX} s") from None
    except OSError as error:
        raise FetchError(f"{words[0]}: {error.strerror}") from None


def _shown(folder: Path, name: str) -> Mapping[str, str]:
    text = _run(folder, "apt-cache", "show", "--no-all-versions", name).stdout
    fields = dict(re.findall(r"^([A-Za-z0-9-]+): (.*)$", text, re.MULTILINE))
    missing = {"Version", "SHA256", "Filename"} - set(fields)
    if missing:
        raise FetchError(f"Debian has no package {name!r} for {ARCHITECTURE} in {RELEASE}")
    return fields


def _kernel_name(folder: Path) -> str:
    depends = _shown(folder, _KERNEL_META).get("Depends", "")
    match = re.search(r"linux-image-[^\s,]+", depends)
    if match is None:
        raise FetchError(f"package {_KERNEL_META!r} depends on no kernel: {depends!r}")
    return match.group()


def _download(folder: Path, name: str) -> Package:
    fields = _shown(folder, name)
    version = fields["Version"].rpartition(":")[2]
    wanted = fields["SHA256"]
    path = folder / "packages" / f"{name}_{version}.deb"
    if not path.is_file() or _digest(path) != wanted:
        _apt(folder, "download", name)
        (found,) = (folder / "packages").glob(f"{name}_*_*.deb")
        found.replace(path)
    digest = _digest(path)
    pinned = PINNED.get(f"{name}_{version}")
    for expected in (wanted, pinned):
        if expected is not None and digest != expected:
            path.unlink()
            raise FetchError(f"package {name}: sha256 {digest}; expected {expected}")
    return Package(name, fields["Version"], path, digest, pinned is not None)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
