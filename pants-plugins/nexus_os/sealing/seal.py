"""Takes from this process, and from all that it starts, what a cached result must not depend on.

    python -I -S seal.py [--allow PART ...] -- COMMAND...     seal, then become the command
    python -I -S seal.py --try                                say which parts this machine refuses

The parts:

    network   a network of its own with nothing but loopback: any other address is unreachable
    home      the user's home folder is empty and cannot be written, its path in the list of users
              and the user's name are stand-ins, the machine is called `sealed`

This file imports nothing but the standard library and runs by itself on any CPython 3 from 3.8: it
is laid into sandboxes, to wrap a command there or to be imported by pytest.  Linux only; the
namespaces it makes need either root or a kernel that gives them to users.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import re
import struct
import sys

PARTS = ("network", "home")

HOST_NAME = b"sealed"

# Where the list of users says that the user lives: a path that exists nowhere.
NO_HOME = "/nonexistent"

EXIT_USAGE = 20
EXIT_REFUSED = 21

# From <sched.h>.
_NEW_MOUNTS = 0x00020000
_NEW_HOST_NAME = 0x04000000
_NEW_USER = 0x10000000
_NEW_NETWORK = 0x40000000

_NAMESPACES = {"network": _NEW_NETWORK, "home": _NEW_MOUNTS | _NEW_HOST_NAME}

# From <sys/mount.h>.
_READ_ONLY = 1
_NO_SETUID = 2
_NO_DEVICES = 4
_REMOUNT = 32
_BIND = 4096
_RECURSIVE = 16384
_PRIVATE = 1 << 18

# From <linux/if.h> and <linux/sockios.h>.
_GET_FLAGS = 0x8913
_SET_FLAGS = 0x8914
_UP = 1

# How much of a script is searched for the paths it names; Pants's own are some three thousand.
_SCRIPT_BYTES_MAX = 1 << 16

# A word of a shell: plain characters, escaped ones, and parts in quotes, in any order.
_WORD = re.compile(r"""(?:[^\s"'\\;()]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+""")
_PART_OF_WORD = re.compile(r"""\\(.)|"((?:[^"\\]|\\.)*)"|'([^']*)'|([^"'\\]+)""")

# The kernel's number has another meaning after `unshare` than its usual text says.
_NAMESPACE_REASONS = {
    errno.ENOSPC: "the limit of namespaces is reached (sysctl user.max_user_namespaces)",
    errno.EUSERS: "namespaces are nested too deeply",
    errno.EPERM: "this user may not make namespaces (a container, or sysctl "
    "kernel.apparmor_restrict_unprivileged_userns, kernel.unprivileged_userns_clone)",
}


class RefusedError(Exception):
    """The machine does not give this user what the seal is made of."""


def seal(parts: tuple[str, ...] = PARTS, script: str = "") -> None:
    """Seal this process, which must have one thread only and may become a script.

    Raises:
        RefusedError: the machine does not allow it; some of it may have been done.
    """
    wanted = [part for part in PARTS if part in parts]
    if not wanted:
        return
    if not sys.platform.startswith("linux"):
        raise RefusedError(f"{sys.platform} has no namespaces")
    user, group, folder = os.getuid(), os.getgid(), os.getcwd()
    home = home_of(user)
    try:
        _enter_namespaces(wanted, user, group)
        if "network" in wanted:
            _bring_up_loopback()
        if "home" in wanted:
            _name_host()
            _hide_home(home, user, group, script)
            # It was looked up before, and a mount lies over it now.
            os.chdir(folder)
    except OSError as refused:
        raise RefusedError(f"{refused.filename or 'namespaces'}: {refused.strerror}") from refused


def namespace_reason(number: int) -> str:
    """Return the kernel's reason for refusing a namespace, by the error's number."""
    return _NAMESPACE_REASONS.get(number) or os.strerror(number)


def home_of(user: int) -> str:
    """The home folder that the list of users gives, with links followed; empty if it has none."""
    try:
        import pwd

        home = os.path.realpath(pwd.getpwuid(user).pw_dir)
    except KeyError:
        return ""
    # A user whose home is the root folder keeps what all users see.
    return home if os.path.isdir(home) and home != "/" else ""


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def _enter_namespaces(parts: list[str], user: int, group: int) -> None:
    flags = 0
    for part in parts:
        flags |= _NAMESPACES[part]
    libc = _libc()
    # Root needs no user namespace, and keeps being root over the files of others.
    if user == 0 and libc.unshare(flags) == 0:
        return
    if libc.unshare(flags | _NEW_USER) != 0:
        number = ctypes.get_errno()
        raise OSError(number, namespace_reason(number), "unshare")
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(line)


def _bring_up_loopback() -> None:
    import _socket  # The module around it takes longer to import than all else here.

    any_socket = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    try:
        request = struct.pack("16sh14x", b"lo", 0)
        (flags,) = struct.unpack_from("16xh", fcntl.ioctl(any_socket, _GET_FLAGS, request))
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", b"lo", flags | _UP))
    finally:
        any_socket.close()


def _name_host() -> None:
    _check(_libc().sethostname(HOST_NAME, len(HOST_NAME)), "sethostname")


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    arguments = [os.fsencode(text) for text in (source, target, kind)]
    _check(_libc().mount(*arguments, ctypes.c_ulong(flags), os.fsencode(data)), target)


def _hide_home(home: str, user: int, group: int, script: str) -> None:
    """Lay an empty folder over the home, and put back into it what this process runs from."""
    _mount("none", "/", "none", _RECURSIVE | _PRIVATE)
    covered = home or "/tmp"
    needed = needed_below(home, script) if home else []
    kept = [(path, os.open(path, os.O_PATH)) for path in needed]
    # Without a home there is only the list of users to replace; /tmp is covered for a moment.
    tmpfs = _NO_SETUID | _NO_DEVICES
    _mount("none", covered, "tmpfs", tmpfs, "mode=0755,size=1m")
    for path, handle in kept:
        os.makedirs(path, exist_ok=True)
        _mount(f"/proc/self/fd/{handle}", path, "none", _BIND | _RECURSIVE)
        os.close(handle)
    for name, line in (
        ("passwd", f"uid-{user}:x:{user}:{group}::{NO_HOME}:/bin/false\n"),
        ("group", f"gid-{group}:x:{group}:\n"),
    ):
        written = os.path.join(covered, f".{name}")
        with open(written, "w") as file:
            file.write(line)
        _mount(written, f"/etc/{name}", "none", _BIND)
        os.unlink(written)
    if home:
        _mount("none", home, "none", _REMOUNT | _BIND | _READ_ONLY | tmpfs)
    else:
        _check(_libc().umount2(os.fsencode(covered), 2), covered)


def needed_below(home: str, script: str = "") -> list[str]:
    """The folders below the home that this process, or the script it becomes, runs from."""
    found = set()
    for path in _places(script):
        real = os.path.realpath(path)
        # The whole home is never needed: an entry that is, or holds, the home says nothing.
        if real.startswith(home + os.sep) and os.path.isdir(real):
            found.add(real)
    outermost: list[str] = []
    for path in sorted(found):
        if not any(path.startswith(outer + os.sep) for outer in outermost):
            outermost.append(path)
    return outermost


def _places(script: str) -> list[str]:
    """Interpreters with their libraries, the sandbox, and the caches it has links to."""
    places = [*sys.path, sys.prefix, sys.base_prefix, sys.exec_prefix, os.getcwd()]
    for path in named_in(script):
        # An interpreter of a virtual environment is a link to the one it was made from.
        places += [_installation(path), _installation(os.path.realpath(path))]
    for folder in (".", ".cache"):
        if os.path.isdir(folder):
            places += [entry.path for entry in os.scandir(folder) if entry.is_symlink()]
    return places


def named_in(script: str) -> list[str]:
    """The absolute paths in a script; Pants writes into its own which Python it uses.

    What is not a script is perhaps an interpreter itself; PEX_PYTHON may name another.
    """
    found = [path for path in (script, os.environ.get("PEX_PYTHON", "")) if os.path.isabs(path)]
    if not os.path.isfile(script):
        return found
    with open(script, "rb") as file:
        text = file.read(_SCRIPT_BYTES_MAX)
    if not text.startswith(b"#!"):
        return found
    words = paths_in(os.fsdecode(text))
    return found + [word for word in words if os.path.isabs(word)]


def paths_in(text: str) -> list[str]:
    """Whatever in a script may be meant as a path, and more; the caller looks what there is.

    A path is a word as the shell reads it, or what stands after one of `=:` in it, or, where the
    text is not a shell's, what is between any two separators.
    """
    found = []
    for line in text.split("\n"):
        for word in map(_unquoted, _WORD.findall(line)):
            found.append(word)
            found += [word[at + 1 :] for at, sign in enumerate(word) if sign in "=:"]
            found += word.split(":")
    for separator in "=:;\"'()":
        text = text.replace(separator, " ")
    return found + text.split()


def _unquoted(word: str) -> str:
    """The word without its quotes, and without the backslashes that hide a character's meaning."""
    parts = []
    for escaped, double, single, plain in _PART_OF_WORD.findall(word):
        parts.append(escaped or re.sub(r"\\([$`\"\\])", r"\1", double) or single or plain)
    return "".join(parts)


def _installation(path: str) -> str:
    """Return an interpreter's folder: /a/3.11 for /a/3.11/bin/python3, also for /a/3.11/bin."""
    folder = path if os.path.isdir(path) else os.path.dirname(path)
    return os.path.dirname(folder) if os.path.basename(folder) == "bin" else folder


def refusals() -> list[tuple[str, str]]:
    """Try each part in a process of its own: those that are refused, and why."""
    refused_parts = []
    for part in PARTS:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                seal((part,))
            except RefusedError as refused:
                os.write(write, str(refused).encode(errors="backslashreplace"))
            os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as answer:
            reason = answer.read().decode()
        _, status = os.waitpid(child, 0)
        if status != 0:
            reason = reason or f"ended with {status}"
        if reason:
            refused_parts.append((part, reason))
    return refused_parts


def main(arguments: list[str]) -> int:
    """Seal and become a command, or try."""
    if arguments == ["--try"]:
        for part, reason in refusals():
            print(f"{part}: {reason}")
        return 0
    allowed: list[str] = []
    while len(arguments) > 1 and arguments[0] == "--allow" and arguments[1] in PARTS:
        allowed.append(arguments[1])
        arguments = arguments[2:]
    if len(arguments) < 2 or arguments[0] != "--":
        names = " or ".join(PARTS)
        print(f"seal: expected --try, or [--allow {names}] -- COMMAND...", file=sys.stderr)
        return EXIT_USAGE
    command = arguments[1:]
    try:
        seal(tuple(part for part in PARTS if part not in allowed), script=command[0])
        os.execvp(command[0], command)
    except RefusedError as refused:
        print(f"seal: refused: {refused}", file=sys.stderr)
    except OSError as failed:
        print(f"seal: {command[0]}: {os.strerror(failed.errno or errno.EIO)}", file=sys.stderr)
    return EXIT_REFUSED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
