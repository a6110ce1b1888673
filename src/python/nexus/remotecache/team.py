"""The cases of a team of hosts, played in name spaces of their own by a process of their own.

The proof starts this module's `inside` where it may make a network; what comes back is a file of
verdicts.
"""

from __future__ import annotations

import json
import subprocess
import sys
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from nexus.remotecache import team_access, team_cases, team_clients
from nexus.remotecache.proof_stage import NotTriedError, Verdict
from nexus.remotecache.sandbox import refusal as sandbox_refusal
from nexus.remotecache.team_net import Network, entering, refusal
from nexus.remotecache.team_stage import Team

CASES: Final = {
    case.__name__: case for case in (*team_cases.CASES, *team_access.CASES, *team_clients.CASES)
}

# The cases that every run of the proof plays; the others are played by name.
ALWAYS: Final = (
    "links_take_their_time",
    "both_workers_execute",
    "interface_is_whole",
    "worker_killed",
    "worker_frozen",
    "cable_cut",
    "server_restarted",
    "worker_disk_full",
    "token_revoked",
    "certificates_prove_names",
    "clients_share",
)

# All cases at their bounds would be done by then.
ALL_SECONDS_MAX: Final = 3600


def play(names: Sequence[str], folder: Path, root: Path) -> list[Verdict]:
    """Play cases, one after the other, on one network."""
    reason = refusal() or sandbox_refusal() or ""
    if reason:
        return [Verdict(name, not_tried=reason) for name in names]
    folder.mkdir()
    code = (
        f"import sys; sys.path[:] = {sys.path!r}; from nexus.remotecache.team import inside; "
        f"inside({list(names)!r}, {str(folder)!r}, {str(root)!r})"
    )
    done = subprocess.run(
        [*entering(), sys.executable, "-c", code],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=ALL_SECONDS_MAX,
    )
    path = folder / "verdicts.json"
    if not path.is_file():
        said = done.stdout.decode(errors="replace")
        return [Verdict(name, complaint=f"no verdict:\n{said}") for name in names]
    return [Verdict(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]


def inside(names: Sequence[str], folder: str, root: str) -> None:
    """Be the process in the name spaces."""
    place = Path(folder)
    network = Network(place)
    team = Team(
        place,
        Path(root),
        network,
        network.add("server"),
        tuple(network.add(f"worker-{number}") for number in (1, 2)),
        tuple(network.add(f"client-{number}") for number in (1, 2)),
    )
    try:
        team.start_server()
        for number in range(2):
            team.start_worker(number)
        verdicts = [judge(team, name) for name in names]
    finally:
        team.end()
    text = json.dumps([asdict(verdict) for verdict in verdicts])
    (place / "verdicts.json").write_text(text, encoding="utf-8")


def judge(team: Team, name: str) -> Verdict:
    """Play one case."""
    team.said.clear()
    try:
        CASES[name](team)
    except NotTriedError as exc:
        return Verdict(name, not_tried=str(exc))
    except Exception:  # Whatever went wrong is the verdict on this case, and the others follow.
        return Verdict(name, complaint=traceback.format_exc())
    if team.network.without_delay:
        team.say(f"links without delay ({team.network.without_delay})")
    return Verdict(name, said="; ".join(team.said))
