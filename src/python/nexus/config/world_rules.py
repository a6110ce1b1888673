"""Rules between the values of a world's file, and between its nodes.

The shape of each value is checked before; see `nexus.config.rules` for one node.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from nexus.config.bounds import MACHINES_MAX
from nexus.config.error import Problem, show
from nexus.config.node import NodeConfig
from nexus.config.world import WorldConfig
from nexus.core.errors import did_you_mean


def find_world_problems(world: WorldConfig) -> list[Problem]:
    """Check one world's file by itself."""
    return [*_machines(world), *_expectations(world), *_reboots(world), *_cuts(world)]


def find_shared_problems(nodes: Mapping[str, NodeConfig]) -> list[tuple[str, Problem]]:
    """Check what no two machines of a world may share.

    Keys are the machines' labels; each problem comes with the label of the machine whose node's
    file has the value.
    """
    macs = {label: node.node.mac.lower() for label, node in nodes.items()}
    addresses = {
        label: str(node.network.interface.ip)
        for label, node in nodes.items()
        if node.network is not None
    }
    ids = {label: node.node.id for label, node in nodes.items()}
    return [
        *_shared(macs, "MAC", "node.mac"),
        *_shared(addresses, "address", "network.address"),
        *_shared(ids, "device id", "node.id"),
    ]


def _shared(values: Mapping[str, str], what: str, field: str) -> Iterator[tuple[str, Problem]]:
    owners: dict[str, str] = {}
    for label, value in values.items():
        if value in owners:
            text = f"{show(value)} is a duplicate {what}; machine {owners[value]} has it too"
            yield label, Problem(field, text)
        owners.setdefault(value, label)


def _machines(world: WorldConfig) -> Iterator[Problem]:
    if not world.machine:
        yield Problem("machine", f"is missing; expected 1..{MACHINES_MAX} [[machine]]")
    seen: dict[str, int] = {}
    for index, machine in enumerate(world.machine):
        label = machine.label.lower()  # Logs are named by label, on any file system.
        if label in seen:
            yield Problem(
                f"machine[{index}].label",
                f"{show(machine.label)} is a duplicate label, see machine[{seen[label]}].label",
            )
        seen.setdefault(label, index)


def _expectations(world: WorldConfig) -> Iterator[Problem]:
    if not world.expect:
        yield Problem("expect", "is empty; expected at least one [[expect]]")
    labels = [machine.label for machine in world.machine]
    for index, expect in enumerate(world.expect):
        field = f"expect[{index}]"
        yield from _known(expect.machine, labels, f"{field}.machine")
        if (expect.marker is None) == (expect.pattern is None):
            yield Problem(field, "expected exactly one of marker and pattern")


def _reboots(world: WorldConfig) -> Iterator[Problem]:
    labels = [machine.label for machine in world.machine]
    for index, reboot in enumerate(world.reboot):
        field = f"reboot[{index}]"
        yield from _known(reboot.machine, labels, f"{field}.machine")
        if (reboot.at_ms is None) == (reboot.after is None):
            yield Problem(field, "expected exactly one of at_ms and after")
        if reboot.of is not None:
            yield from _known(reboot.of, labels, f"{field}.of")
            if reboot.after is None:
                yield Problem(f"{field}.of", "is accepted only with after, whose machine it names")


def _known(value: str, accepted: Iterable[str], field: str) -> Iterator[Problem]:
    names = list(dict.fromkeys(accepted))
    if value not in names:
        listed = ", ".join(names) if names else "none"
        yield Problem(
            field,
            f"{show(value)} is an unknown machine; expected {listed}{did_you_mean(value, names)}",
        )


def _cuts(world: WorldConfig) -> Iterator[Problem]:
    labels = [machine.label for machine in world.machine]
    for index, cut in enumerate(world.link.cut):
        if cut.start_ms >= cut.end_ms:
            yield Problem(
                f"link.cut[{index}].end_ms", f"{cut.end_ms} is not above start_ms ({cut.start_ms})"
            )
        between = cut.between or ()
        for label in between:
            yield from _known(label, labels, f"link.cut[{index}].between")
        if between and len(set(between)) == 1:
            yield Problem(
                f"link.cut[{index}].between", f"{show(between[0])} twice; expected two machines"
            )
