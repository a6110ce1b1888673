"""Worlds of many nodes, written as files: a ring, each node dialling the next.

Benchmarks and tests of size use them: what people run, they write by hand.  Each node knows its two
neighbours, and hears the announcements of all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

MACHINES_MAX: Final = 32
_PORT: Final = 34567
# In a world of one node there is no peer to dial.
MACHINES_MIN: Final = 2

_NODE: Final = """\
[node]
id = "node-{n}"
mac = "52:54:00:43:00:{n:02x}"
{start}[network]
address = "10.43.0.{host}/24"
[dsoftbus]
static_key = {{ test_seed = "node-{n}" }}
port = {port}
{peers}"""

_PEER: Final = """\
[[dsoftbus.peer]]
id = "node-{n}"
address = "10.43.0.{host}"
port = {port}
public_key = {{ test_seed = "node-{n}" }}
dial = {dial}
"""

_SCENARIO: Final = """\
world = "world.toml"
text = "a ring of {count} nodes"
[budget]
faults_from_ms = 20
heal_ms = {heal_ms}
run_ms = {run_ms}
{switches}{faults}"""


def write_ring(
    folder: Path,
    count: int,
    *,
    start: tuple[str, ...] = (),
    heal_ms: int = 500,
    run_ms: int = 1000,
    faults: str = "",
    switches: int = 1,
) -> Path:
    """Write the files of a ring of `count` nodes; return that of its scenario.

    `start` are the services of each node; without any, those of a node's default.
    """
    if not MACHINES_MIN <= count <= MACHINES_MAX:
        raise ValueError(f"count: {count} is not in {MACHINES_MIN}..{MACHINES_MAX}")
    labels = [f"N{n}" for n in range(count)]
    for n in range(count):
        (folder / f"node-{n}.toml").write_text(_node(n, count, start))
    (folder / "world.toml").write_text(_world(labels))
    per = -(-count // switches)
    groups = [labels[i : i + per] for i in range(0, count, per)]
    topology = f"[topology]\nswitches = {groups}\n" if switches > 1 else ""
    scenario = folder / f"ring{count}.toml"
    scenario.write_text(
        _SCENARIO.format(
            count=count, heal_ms=heal_ms, run_ms=run_ms, switches=topology, faults=faults
        )
    )
    return scenario


def _node(n: int, count: int, start: tuple[str, ...]) -> str:
    after, before = (n + 1) % count, (n - 1) % count
    peers = _peer(after, is_dialled=n < after)
    if before != after:
        peers += _peer(before, is_dialled=n < before)
    names = ", ".join(f'"{name}"' for name in start)
    return _NODE.format(
        n=n,
        host=n + 10,
        port=_PORT + n,
        start=f"start = [{names}]\n" if start else "",
        peers=peers,
    )


def _peer(n: int, *, is_dialled: bool) -> str:
    dial = "true" if is_dialled else "false"
    return _PEER.format(n=n, host=n + 10, port=_PORT + n, dial=dial)


def _world(labels: list[str]) -> str:
    parts = []
    for n, label in enumerate(labels):
        parts.append(f'[[machine]]\nlabel = "{label}"\nnode = "node-{n}.toml"\n')
    parts += (
        f'[[expect]]\nmachine = "{label}"\nphase = "launch"\nmarker = "init: ready"\n'
        for label in labels
    )
    return "".join(parts)
