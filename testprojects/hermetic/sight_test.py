"""The view of a Python test on the machine it runs on, when Pants runs it.

Where a machine refuses namespaces, the tests of what they hide are skipped, and Pants has warned.
They are not skipped because a seal was forgotten: then the machine would have allowed one.
"""

from __future__ import annotations

import ctypes
import errno
import os
import pwd
import shutil
import socket
from pathlib import Path
from typing import Final

import pytest

# From <sched.h>: user, network, mount and host name namespaces.
NAMESPACES: Final = 0x10000000 | 0x40000000 | 0x00020000 | 0x04000000

# The seal's host name, which no machine has by accident.
SEALED: Final = "sealed"

# No host has these: for documentation (RFC 5737, RFC 3849), a group, a broadcast, the next hop.
ELSEWHERE: Final = ("192.0.2.1", "198.51.100.7", "8.8.8.8", "10.0.2.2", "169.254.169.254")


def machine_allows_a_seal() -> bool:
    """Whether a child gets namespaces in which it has rights."""
    child = os.fork()
    if child == 0:
        libc = ctypes.CDLL(None)
        done = libc.unshare(NAMESPACES) == 0 and libc.sethostname(b"x", 1) == 0
        os._exit(0 if done else 1)
    return os.waitpid(child, 0)[1] == 0


@pytest.fixture(autouse=True)
def _sealed(request: pytest.FixtureRequest) -> None:
    if socket.gethostname() == SEALED or "always" in request.node.name:
        return
    if machine_allows_a_seal():
        pytest.fail("this machine allows a seal, and this test run has none: run it with Pants")
    pytest.skip("this machine gives this user no namespaces")


@pytest.mark.parametrize("address", ELSEWHERE)
def test_every_other_address_is_unreachable_at_once(address: str) -> None:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as one:
            # No time is given: an attempt that waits for an answer would show as EINPROGRESS.
            one.setblocking(False)
            assert one.connect_ex((address, 80)) == errno.ENETUNREACH


def test_ipv6_is_unreachable_at_once() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as one:
        one.setblocking(False)
        assert one.connect_ex(("2001:db8::1", 80)) == errno.ENETUNREACH


def test_names_of_the_internet_have_no_addresses() -> None:
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("pypi.org", 443)


def test_loopback_is_the_only_interface_and_works() -> None:
    assert [name for _, name in socket.if_nameindex()] == ["lo"]
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()),
    ):
        accepted, _ = server.accept()
        with accepted:
            assert accepted.fileno() >= 0


def test_home_is_empty_but_for_what_python_runs_from() -> None:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    mounts = [line.split() for line in lines]
    # A tmpfs of ours has the source `none`; where the user has no home there is none to hide.
    homes = [words[4] for words in mounts if words[-3:-1] == ["tmpfs", "none"] and words[3] == "/"]
    for home in homes:
        below = [words[4] for words in mounts if words[4].startswith(f"{home}/")]
        assert set(os.listdir(home)) == {Path(path).relative_to(home).parts[0] for path in below}
        with pytest.raises(OSError, match="Read-only"):
            Path(home, "written").touch()


def test_user_has_no_name_and_no_home() -> None:
    user = pwd.getpwuid(os.getuid())
    assert (user.pw_name, user.pw_dir) == (f"uid-{os.getuid()}", "/nonexistent")
    assert [entry.pw_uid for entry in pwd.getpwall()] == [os.getuid()]
    assert os.path.expanduser("~") == "/nonexistent"


@pytest.mark.parametrize("name", ["HOME", "USER", "LOGNAME", "MAIL", "XDG_CACHE_HOME", "SHELL"])
def test_a_variable_of_the_user_is_never_in_the_environment(name: str) -> None:
    assert name not in os.environ


@pytest.mark.parametrize("tool", ["cc", "git", "qemu-system-riscv64", "zig", "python3", "sh"])
def test_tools_of_the_host_are_always_off_the_path(tool: str) -> None:
    assert shutil.which(tool) is None


def test_working_folder_is_always_a_sandbox() -> None:
    assert not Path("pants.toml").exists()
    assert not Path(".git").exists()
