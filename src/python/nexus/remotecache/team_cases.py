"""What goes wrong between hosts, and what must come of it: the right result, within the bound."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as messages

from nexus.remotecache import conformance, credentials, settings
from nexus.remotecache.proof_stage import NotTriedError, expect
from nexus.remotecache.team_net import SERVER_NAME
from nexus.remotecache.team_stage import (
    METRICS_PORT,
    PORT,
    SERVE,
    Program,
    Team,
    Work,
    split,
    wait_until,
)

# Enough for two workers of one process each to be in the middle of one, and some to wait.
PROCESSES: Final = 4
SLOW: Final = "sleep 3"


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
    rows = conformance.ask(conformance.Asked(team.remote()))
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


def token_revoked(team: Team) -> None:
    """A token is revoked in the middle: the next call is refused, and the audit says who wrote."""
    team.manage("--grant=guest", "--scopes=read,write,execute")
    token = (team.keys / "guest.token").read_text(encoding="ascii")
    # Revoking takes the file away; the guest has a copy.
    (team.keys / "copy.token").write_text(token, encoding="ascii")
    with team.client("copy") as client:
        action = client.put_action(["/bin/true"])
        client.write_result(action, messages.ActionResult(stdout_raw=b"by hand"))
        team.manage("--revoke=guest")
        expect(
            "lookup after revocation",
            conformance.code_of(lambda: client.result(action)),
            "UNAUTHENTICATED",
        )
        expect("write", conformance.code_of(lambda: client.put(b"x")), "UNAUTHENTICATED")
    with team.client() as client:
        expect("others are let in", client.result(action) is not None, True)
    lines = audit(team, "results.jsonl")
    mine = [line for line in lines if line["by"] == "guest"]
    expect(
        "results of the guest", [line["action"].partition("/")[0] for line in mine], [action.hash]
    )
    refused = [line for line in audit(team, "refused.jsonl") if line["by"] == "guest"]
    expect("refusals", {line["reason"].partition(" ")[0] for line in refused}, {"revoked"})
    for path in (team.folder / "server").rglob("*"):
        if path.is_file() and path.suffix in {".log", ".jsonl", ".json", ".yml"}:
            expect(f"{path} holds a token", token in path.read_text(errors="replace"), False)


def strangers_are_told_why(team: Team) -> None:
    """Each wrong way to join ends with one line and a code."""
    reader = team.keys / f"{settings.READER}.token"
    good = {
        "--server": f"{SERVER_NAME}:{PORT}",
        "--authority": str(team.folder / "settings.sh"),
        "--token": str(team.keys / f"{settings.WORKER}.token"),
        "--folder": str(team.folder / "stranger"),
    }
    other = team.folder / "other.crt"
    shutil.copyfile("/etc/hosts", team.folder / "no.crt")
    foreign = credentials.create(team.folder / "foreign", lifetime=timedelta(hours=1))
    shutil.copyfile(foreign.ca, other)
    table: list[tuple[dict[str, str], int, str]] = [
        ({"--server": f"{team.server_host.address}:{PORT}"}, 20, "its certificate is not for"),
        ({"--server": f"{SERVER_NAME}:1"}, 21, "Connection refused"),
        ({"--server": "nowhere"}, 20, "is not an address; expected HOST:PORT"),
        ({"--authority": str(other)}, 20, "its certificate is not signed by"),
        ({"--authority": str(team.folder / "no.crt")}, 20, "holds no certificate"),
        ({"--token": str(reader)}, 20, "does not take this worker: UNAUTHENTICATED"),
        ({"--token": str(team.folder / "none")}, 20, "No such file or directory"),
        ({"--property": "colour=red"}, 20, "'colour' is unknown; expected OSFamily"),
    ]
    for change, code, said in table:
        options = [f"{name}={value}" for name, value in {**good, **change}.items()]
        stranger = team.program(team.client_hosts[0], "stranger", SERVE, "--worker", *options)
        seen = stranger.process.wait(120)
        text = stranger.said()
        expect(f"{change}: code and line", (seen, text.count("\n"), said in text), (code, 1, True))


def clock_is_wrong(team: Team) -> None:
    """A worker's clock is five minutes off, one way and the other: it works all the same."""
    faketime = shutil.which("faketime")
    if faketime is None:
        raise NotTriedError("there is no `faketime`; on Debian: apt-get install faketime")
    for number, offset in enumerate(("-5m", "+5m")):
        team.workers[f"worker-{number + 1}"].stop()
        team.start_worker(number, prefix=(faketime, "-f", offset))
    with team.client() as client:
        done = Work(client, "clock", 2 * PROCESSES, "sleep 1").finish()
    team.say(split(done))
    for number in range(2):
        team.workers[f"worker-{number + 1}"].stop()
        team.start_worker(number)


def running(_team: Team) -> int:
    """How many processes run now, by the sandboxes there are."""
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


def audit(team: Team, name: str) -> list[dict[str, Any]]:
    """The lines of one file of the audit."""
    path = team.folder / "server" / "audit" / name
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


CASES: Final[tuple[Callable[[Team], None], ...]] = (
    both_workers_execute,
    interface_is_whole,
    worker_killed,
    worker_frozen,
    cable_cut,
    server_restarted,
    worker_disk_full,
    token_revoked,
    strangers_are_told_why,
    clock_is_wrong,
)
