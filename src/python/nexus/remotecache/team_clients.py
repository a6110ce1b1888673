"""Pants on two machines that share nothing but the server: other users, homes and paths."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from nexus.remotecache import proof_project, stats
from nexus.remotecache.proof_project import PROCESSES, RUN_SECONDS_MAX
from nexus.remotecache.proof_stage import NotTriedError, expect
from nexus.remotecache.team_access import audit
from nexus.remotecache.team_stage import Team

# Users that no machine has; only root can be another than it is.
USERS: Final = (70001, 70002)
# The launcher's exit code where it can't start Pants.
LAUNCHER_REFUSES: Final = 21
PATHS: Final = ("first/home/ann", "second/people of b/bob")


def clients_share(team: Team) -> None:
    """The first executes all on both workers; the second, of another user, finds all of it."""
    # The proof's own folder is its user's alone.
    with tempfile.TemporaryDirectory(prefix="nexus-team-") as folder:
        place = Path(folder)
        place.chmod(0o755)
        share(team, place)


def share(team: Team, place: Path) -> None:
    """Run both clients, with all that they read and write in a place that others may enter."""
    runner = place / "runner"
    runner.mkdir()
    shutil.copyfile(team.folder / "settings.sh", runner / "settings.sh")
    shutil.copyfile(team.keys / "writer.token", runner / "token")
    for path in runner.iterdir():
        path.chmod(0o644)
    open_for_others(team)
    before = len(audit(team, "results.jsonl"))
    first = run(team, place, 0)
    counters = first.counters
    expect("executed here", counters.get("local_execution_requests", 0), 0)
    executed = counters["remote_execution_success"]
    expect("executed there", executed, counters["remote_execution_requests"])
    expect("written", first["write_successes"], PROCESSES)
    results = audit(team, "results.jsonl")[before:]
    peers = [line["peer"] for line in results if line["call"] == "UpdateBotSession"]
    shares = [sum(f":{host.address}:" in peer for peer in peers) for host in team.worker_hosts]
    if not all(shares):
        raise AssertionError(f"the workers wrote {shares} results, and both should")
    second = run(team, place, 1)
    expect("found by the second", second["requests_cached"], PROCESSES)
    expect("asked by the second", second["requests"], PROCESSES)
    users = f"users {USERS[0]} and {USERS[1]}" if os.geteuid() == 0 else "one user, as not root"
    team.say(
        f"{executed} executed, results {shares}, "
        f"{second['requests_cached']} of {PROCESSES} found; {users}"
    )


def open_for_others(team: Team) -> None:
    """Let other users pass through folders that only their owner may enter, in this name space.

    What is in them stays where it is and keeps its own modes.
    """
    if os.geteuid():
        return
    for number, folder in enumerate(closed_folders()):
        held = team.folder / f"held-{number}"
        held.mkdir()
        subprocess.run(["mount", "--bind", folder, held], check=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "none", folder], check=True)
        for kept in held.iterdir():
            show(kept, folder / kept.name)


def show(kept: Path, shown: Path) -> None:
    """Put what a folder held into the one that stands in its place."""
    if kept.is_symlink():
        shown.symlink_to(kept.readlink())
        return
    if kept.is_dir():
        shown.mkdir()
    else:
        shown.touch()
    subprocess.run(["mount", "--bind", kept, shown], check=True)


def closed_folders() -> list[Path]:
    """The home, and folders on the way to the Pants of this machine, that others may not enter.

    The interpreter of Pants may lie in another home than this one.
    """
    ends = [Path.home(), *(it.resolve().parent for it in pants_cache().glob("*/bin/python"))]
    folders = {folder for end in ends for folder in (end, *end.parents)}
    return sorted(it for it in folders if it.is_dir() and it.stat().st_mode & 0o005 != 0o005)


def pants_cache() -> Path:
    """Return the folder where the launcher has put Pants."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("NEXUS_PANTS_CACHE") or caches / "nexus-pants")


def run(team: Team, place: Path, number: int) -> stats.CacheStats:
    """Run the small project on a client's machine; it must succeed."""
    home = place / PATHS[number]
    project = home / "project"
    proof_project.write(project, team.root, "team", place / "no-holds")
    state = home / "state"
    user = USERS[number] if os.geteuid() == 0 else 0
    if user:
        subprocess.run(["chown", "-R", f"{user}:{user}", home], check=True)
    environment = {
        **proof_project.clean_environment(),
        "HOME": str(home),
        "NEXUS_PANTS_CACHE": str(pants_cache()),
        "PYENV_ROOT": os.environ.get("PYENV_ROOT") or str(Path.home() / ".pyenv"),
        "USER": f"user-{number}",
        "LOGNAME": f"user-{number}",
        "NEXUS_CACHE_SETTINGS": str(place / "runner" / "settings.sh"),
        "NEXUS_CACHE_TOKEN": str(place / "runner" / "token"),
        "LC_ALL": ("C.UTF-8", "C")[number],
    }
    arguments = proof_project.pants_arguments(state, ("test", "::"))
    script = 'source "$NEXUS_CACHE_SETTINGS" && exec "$@"'
    launcher = place / "launcher" / "pants"
    if not launcher.exists():
        copy_launcher(team.root, launcher.parent)
    argv = ["bash", "-c", script, "runner", str(launcher), *arguments]
    done = subprocess.run(
        team.client_hosts[number].argv(*argv, user=user),
        check=False,
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=RUN_SECONDS_MAX,
    )
    log = done.stdout.decode(errors="replace")
    if done.returncode == LAUNCHER_REFUSES:
        # An interpreter or a folder of Pants that only this user may read; others have no network.
        said = " ".join(log.split())
        raise NotTriedError(f"user {user} cannot start the Pants of this machine: {said}")
    expect(f"exit code of client {number + 1}, who said {log[-3000:]}", done.returncode, 0)
    return stats.parse(log)


def copy_launcher(root: Path, folder: Path) -> None:
    """The launcher and what it reads, where every user may."""
    (folder / "build-support").mkdir(parents=True)
    for name in ("pants", "pants.toml"):
        shutil.copy(root / name, folder / name)
    shutil.copytree(root / "build-support" / "pants", folder / "build-support" / "pants")


CASES: Final[tuple[Callable[[Team], None], ...]] = (clients_share,)
