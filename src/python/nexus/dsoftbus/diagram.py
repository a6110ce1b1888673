"""Draw the transition tables as Mermaid state diagrams, for docs/spec.

    python -m nexus.dsoftbus.diagram

The pages hold what this prints; a test compares them, so that no diagram is older than its table.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from enum import Enum
from typing import Final

from nexus.dsoftbus.mux_transitions import STREAM_TRANSITIONS
from nexus.dsoftbus.noise import Role
from nexus.dsoftbus.transitions import TRANSITIONS
from nexus.entry.arguments import ArgumentParser
from nexus.entry.program import run_program


def _name(state: Enum) -> str:
    # Mermaid's names have no hyphens.
    return str(state.value).replace("-", "_")


def draw(title: str, initial: Enum, edges: Iterable[tuple[Enum, Enum, Enum]]) -> str:
    """Draw what can be reached; steps between the same two states share an arrow."""
    edges = list(edges)
    reached: set[Enum] = set()
    frontier = {initial}
    while frontier:
        reached |= frontier
        frontier = {target for source, _, target in edges if source in frontier} - reached
    labels: dict[tuple[str, str], list[str]] = {}
    for source, step, target in edges:
        if source not in reached:
            continue
        labels.setdefault((_name(source), _name(target)), []).append(str(step.value))
    lines = [f"    {a} --> {b}: {', '.join(steps)}" for (a, b), steps in labels.items()]
    head = ["```mermaid", f"---\ntitle: {title}\n---", "stateDiagram-v2"]
    return "\n".join([*head, f"    [*] --> {_name(initial)}", *lines, "```", ""])


def stream_diagram() -> str:
    """Draw a stream's life."""
    edges = [(source, step, target) for (source, step), target in STREAM_TRANSITIONS.items()]
    return draw("a stream", edges[0][0], edges)


def session_diagram(role: Role) -> str:
    """Draw a connection's life, as one side has it."""
    edges = [(a, step, b) for (of, a, step), b in TRANSITIONS.items() if of is role]
    return draw(f"a connection, {role.value}", edges[0][0], edges)


DIAGRAMS: Final = {
    "docs/spec/streams.md": (stream_diagram(),),
    "docs/spec/session.md": tuple(session_diagram(role) for role in Role),
}


def main(arguments: list[str]) -> None:
    """Print the diagrams of every page; there are no arguments."""
    ArgumentParser("nexus.dsoftbus.diagram", __doc__.split("\n")[0]).parse_args(arguments)
    for page, diagrams in DIAGRAMS.items():
        sys.stdout.write("\n".join([f"{page}:", *diagrams]))


if __name__ == "__main__":
    run_program(main)
