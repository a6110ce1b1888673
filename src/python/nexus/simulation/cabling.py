"""The links of a world: one from each machine to each other, with the delay and chances of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nexus.core.randomness import KeyedRandom
from nexus.simulation.faults.fault import Chance
from nexus.simulation.link import Link, LinkOptions
from nexus.simulation.node import Node

# A way from one machine to another, by their names.
Path = tuple[str, str]


def lay(
    nodes: Sequence[Node],
    options: LinkOptions,
    random: KeyedRandom,
    paths: Mapping[Path, LinkOptions],
    chances: Mapping[Path, Sequence[Chance]],
) -> tuple[dict[tuple[int, int], Link], int]:
    """Lay the links, and give each node those that lead to it.

    Args:
        nodes: In the order of their ports.
        options: How every path behaves ...
        random: The run's randomness.
        paths: ... except those named here.
        chances: The faults that a path has besides.

    Returns:
        The links by the ports of sender and receiver, and the shortest delay, in ns.

    Raises:
        ValueError: A path is between machines that are not there.
    """
    special = dict(paths)
    quantum_ns = options.delay_ns
    links: dict[tuple[int, int], Link] = {}
    for source in nodes:
        for target in nodes:
            if source is target:
                continue
            path = (source.name, target.name)
            chosen = special.pop(path, options)
            quantum_ns = min(quantum_ns, chosen.delay_ns)
            link = Link(f"{source.name}>{target.name}", chosen, random, chances.get(path, ()))
            links[source.port, target.port] = link
            target.inbound.append(link)
    if special:
        raise ValueError(f"paths: no such machines: {sorted(special)}")
    return links, quantum_ns
