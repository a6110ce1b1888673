"""A network of several hosts on one machine: name spaces, a switch, an address each.

    switch (10.77.0.254) --- cable of 1 ms and 1 Gbit/s --- host (10.77.0.N)

Everything is made inside name spaces of this process and ends with it; the machine's own network is
not touched.  `cache.nexus.test` is the first host, for all of them.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nexus.remotecache import team_link

# Inside: a network, mounts and processes of its own, and the right to change them.  Root keeps its
# users, so that hosts can have different ones; others become root of nothing but this.
ENTER_AS_ROOT: Final = (
    "unshare",
    "--net",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
)
ENTER: Final = (*ENTER_AS_ROOT, "--user", "--map-root-user")

TRY_SECONDS_MAX: Final = 60

SERVER_NAME: Final = "cache.nexus.test"
SUBNET: Final = "10.77.0"


class NetworkError(Exception):
    """The network could not be made; the text is what a tool said."""


def entering() -> tuple[str, ...]:
    """Return the command that enters name spaces of one's own."""
    return ENTER_AS_ROOT if os.geteuid() == 0 else ENTER


def refusal() -> str:
    """Return the reason why this machine allows no network of one's own; empty if it does."""
    try:
        tried = subprocess.run(
            [*entering(), "ip", "link", "add", "one", "type", "veth", "peer", "name", "two"],
            check=False,
            capture_output=True,
            timeout=TRY_SECONDS_MAX,
        )
    except OSError as exc:
        return f"{exc.filename}: {exc.strerror}"
    return tried.stderr.decode(errors="replace").strip() if tried.returncode else ""


@dataclass(frozen=True)
class Host:
    """One host: a name space that a process holds open, an address, and its end at the switch."""

    name: str
    address: str
    process: int

    def argv(self, *command: str, user: int = 0) -> list[str]:
        """A command on this host, as a user if one is given."""
        enter = ["nsenter", f"--net=/proc/{self.process}/ns/net", "--"]
        if user:
            ids = (f"--reuid={user}", f"--regid={user}", "--clear-groups")
            enter += ["setpriv", *ids, "--"]
        return [*enter, *command]

    def cut(self) -> None:
        """Pull the cable."""
        run("ip", "link", "set", self.link, "down")

    def heal(self) -> None:
        """Put it back."""
        run("ip", "link", "set", self.link, "up")

    @property
    def link(self) -> str:
        """The end of its cable at the switch."""
        return f"to-{self.name}"


class Network:
    """The switch and its hosts."""

    def __init__(self, folder: Path) -> None:
        """Make the switch, and one file of names for all."""
        self.hosts: list[Host] = []
        self.holders: list[subprocess.Popen[bytes]] = []
        make_private()
        names = folder / "hosts"
        names.write_text(f"127.0.0.1 localhost\n::1 localhost\n{SUBNET}.1 {SERVER_NAME}\n")
        run("mount", "--bind", str(names), "/etc/hosts")
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "switch", "type", "bridge")
        run("ip", "address", "add", f"{SUBNET}.254/24", "dev", "switch")
        run("ip", "link", "set", "switch", "up")
        # Why cables have no delay, if they have none.
        self.without_delay = ""

    def add(self, name: str) -> Host:
        """Plug a host in; its addresses count from 1."""
        holder = subprocess.Popen(
            ["unshare", "--net", "sleep", "infinity"], stdin=subprocess.DEVNULL
        )
        self.holders.append(holder)
        host = Host(name, f"{SUBNET}.{len(self.hosts) + 1}", holder.pid)
        wait_for_own_network(holder.pid)
        self.lay_cable(host)
        run("ip", "link", "set", host.link, "master", "switch", "up")
        run(*host.argv("ip", "address", "add", f"{host.address}/24", "dev", "eth0"))
        for link in ("lo", "eth0"):
            run(*host.argv("ip", "link", "set", link, "up"))
        self.hosts.append(host)
        return host

    def lay_cable(self, host: Host) -> None:
        """Connect a host by a cable with delay, or without where this machine has no TAP."""
        far = f"far-{host.process}"
        try:
            ends = team_link.open_cable(host.link, far)
        except OSError as exc:
            self.without_delay = f"{team_link.DEVICE}: {exc.strerror}"
            run("ip", "link", "add", host.link, "type", "veth", "peer", "name", far)
        else:
            self.holders.append(team_link.start(*ends))
        run("ip", "link", "set", far, "netns", str(host.process), "name", "eth0")

    def end(self) -> None:
        """Let the name spaces go."""
        for holder in self.holders:
            holder.kill()
            holder.wait()


def wait_for_own_network(process: int) -> None:
    """Return when a process has left our network."""
    own = os.readlink("/proc/self/ns/net")
    while os.readlink(f"/proc/{process}/ns/net") == own:
        os.sched_yield()


def make_private() -> None:
    """Keep mounts to ourselves."""
    run("mount", "--make-rprivate", "/")


def run(*argv: str) -> None:
    """Run a tool.

    Raises:
        NetworkError: it failed.
    """
    done = subprocess.run(argv, check=False, capture_output=True, timeout=TRY_SECONDS_MAX)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise NetworkError(f"{' '.join(argv)}: {said}")
