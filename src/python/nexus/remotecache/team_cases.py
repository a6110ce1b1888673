"""Faults between hosts, and the result that each must leave: the right one, within the bound."""

from __future__ import annotations

import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Final

from nexus.core.line import DELAY_SECONDS
from nexus.remotecache import asking, conformance
from nexus.remotecache.processes import python_argv
from nexus.remotecache.proof_stage import NotTriedError, expect
from nexus.remotecache.team_net import SERVER_NAME
from nexus.remotecache.team_stage import (
    BOUND_SECONDS,
    METRICS_PORT,
    Program,
    Team,
    Work,
    split,
    wait_until,
)

# Enough for two workers of one process each to be in the middle of one, and some to wait.
PROCESSES: Final = 4
SLOW: Final = "sleep 3"

# The least time that a connection takes; the first asks for the other's link address as well.
CONNECT: Final = """
import socket, sys, time
seen = []
for _ in range(10):
    began = time.monotonic()
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=30).close()
    seen.append(time.monotonic() - began)
print(min(seen))
"""


def links_take_their_time(team: Team) -> None:
    """A question and its answer between two hosts take as long as a network makes them."""
    host = team.client_hosts[0]
    done = subprocess.run(
        host.argv(*python_argv(CONNECT, team.server_host.address, str(METRICS_PORT))),
        check=True,
        capture_output=True,
        text=True,
        timeout=BOUND_SECONDS,
    )
    seconds = float(done.stdout)
    if not team.network.without_delay and seconds < 2 * DELAY_SECONDS:
        raise AssertionError(f"a connection took {seconds} s, less than two delays of the link")
    team.say(f"a connection takes {1000 * seconds:.1f} ms")


def both_workers_execute(team: Team) -> None:
    """Work is split among the workers there are, and a health page and measures are there."""
    with team.client() as client:
        done = Work(client, "both", 2 * PROCESSES, "sleep 1").finish()
    expect("workers", sorted({one.worker for one in done}), sorted(team.workers))
    team.say(split(done))
    expect("health", fetch("health"), "ok\n")
    wait_until(
        lambda: 'nexus_cache_workers{state="OK"} 2.0' in fetch("metrics"), "two workers measured"
    )


def interface_is_whole(team: Team) -> None:
    """Every case that can be asked of any server is answered by this one as it must be."""
    rows = conformance.ask(asking.Asked(team.remote()))
    expect("what differs", [row for row in rows if row.verdict != "same"], [])
    team.say(f"{len(rows)} cases")


def worker_killed(team: Team) -> None:
    """A worker loses power: what it ran is run by the other."""
    survives(team, "killed", lambda worker: worker.kill())
    team.start_worker(0)


def worker_frozen(team: Team) -> None:
    """A worker hangs: the same; when it goes on it throws away what it ran, and joins again."""
    worker = team.workers["worker-1"]
    survives(team, "frozen", lambda worker: worker.signal(signal.SIGSTOP))
    joined = worker.said().count("joined as")
    worker.signal(signal.SIGCONT)
    worker.wait_for("joined as", joined + 1)


def cable_cut(team: Team) -> None:
    """The network between server and worker is cut, and healed later."""
    worker, host = team.workers["worker-1"], team.worker_hosts[0]
    survives(team, "cut", lambda _worker: host.cut())
    joined = worker.said().count("joined as")
    host.heal()
    worker.wait_for("joined as", joined + 1)


def survives(team: Team, salt: str, fault: Callable[[Program], None]) -> None:
    """Strike the first worker when both have something to do; all must end, on the second."""
    with team.client() as client:
        work = Work(client, salt, PROCESSES, SLOW)
        wait_until(lambda: running(team) >= len(team.workers), "both workers run something")
        fault(team.workers["worker-1"])
        struck = time.monotonic()
        done = work.finish()
    expect("workers of what ended late", done[-1].worker or "worker-2", "worker-2")
    team.say(f"{split(done)}; {time.monotonic() - struck:.0f} s after the fault")


def server_restarted(team: Team) -> None:
    """The server loses power and is started again: jobs, tokens and results are kept."""
    with team.client() as client:
        kept = client.put_action(["/bin/sh", "-c", "echo kept > out"], ["out"], is_cached=True)
        expect("status", client.execute(kept).status, "OK")
        work = Work(client, "restarted", PROCESSES, SLOW)
        wait_until(lambda: running(team) >= len(team.workers), "both workers run something")
        assert team.server is not None, "it runs"
        team.server.kill()
        team.start_server()
        done = work.finish()
        again = client.execute(kept, skip_lookup=False)
        expect("found after the restart", (again.status, again.cached), ("OK", True))
    team.say(f"{split(done)}; {work.seconds:.0f} s")


def worker_disk_full(team: Team) -> None:
    """A worker has no room: what it fails to run is run by the other."""
    team.workers["worker-1"].stop()
    place = team.folder / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(place)], check=True)
    try:
        worker = team.start_worker(0, folder=place / "worker")
        with (place / "filler").open("wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(65536))
            except OSError:
                pass
        with team.client() as client:
            work = Work(
                client, "full", PROCESSES, "head -c 9000000 /dev/zero > big; cat big | wc -c"
            )
            done = work.finish()
        expect("workers", {one.worker for one in done}, {"worker-2"})
        team.say(f"{split(done)}; {work.seconds:.0f} s")
        worker.kill()
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=False)
    team.start_worker(0)


def clock_is_wrong(team: Team) -> None:
    """A worker's clock is five minutes off, one way and the other: it works all the same."""
    library = clock_library()
    for number, offset in enumerate(("-5m", "+5m")):
        team.workers[f"worker-{number + 1}"].stop()
        # Clocks that only count on keep right differences.  The library has an option that leaves
        # them out altogether; with it, its 0.9.10 makes every sleep an invalid argument.
        wrong = (f"LD_PRELOAD={library}", f"FAKETIME={offset}")
        team.start_worker(number, prefix=("env", *wrong))
    with team.client() as client:
        done = Work(client, "clock", 2 * PROCESSES, "sleep 1").finish()
    team.say(split(done))
    for number in range(2):
        # Native code that asks the kernel itself sees the right time beside the wrong one, and may
        # wait for the difference when it is to end; on a machine that is wrong there is one time.
        team.workers[f"worker-{number + 1}"].kill()
        team.start_worker(number)


def clock_library() -> str:
    """Find the library that changes a program's clock; its own program would stand in between."""
    try:
        found = subprocess.run(
            ["faketime", "-f", "+0", "printenv", "LD_PRELOAD"],
            check=True,
            capture_output=True,
            text=True,
            timeout=BOUND_SECONDS,
        )
    except OSError as exc:
        reason = "there is no `faketime`; on Debian: apt-get install faketime"
        raise NotTriedError(reason) from exc
    return found.stdout.strip()


def running(_team: Team) -> int:
    """Count the processes that run now, by their sandboxes."""
    found = subprocess.run(
        ["pgrep", "--count", "--full", "action-result="], check=False, capture_output=True
    )
    return int(found.stdout or b"0")


def fetch(page: str) -> str:
    """A page of the server."""
    url = f"http://{SERVER_NAME}:{METRICS_PORT}/{page}"
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as exc:
        return exc.read().decode()


CASES: Final[tuple[Callable[[Team], None], ...]] = (
    links_take_their_time,
    both_workers_execute,
    interface_is_whole,
    worker_killed,
    worker_frozen,
    cable_cut,
    server_restarted,
    worker_disk_full,
    clock_is_wrong,
)
