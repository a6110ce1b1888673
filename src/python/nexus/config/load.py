"""From files to checked configurations.

Every failure is a `ConfigError` whose lines name the file, or the option, that has to change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from nexus.config.checked import CheckedNode, check_node
from nexus.config.error import ConfigError, Problem
from nexus.config.explain import explain
from nexus.config.files import find_missing, read_key, read_toml
from nexus.config.inherit import load_extended
from nexus.config.keys import FileKey
from nexus.config.kinds import Kind, find_foreign_keys, kind_of
from nexus.config.layers import Given, Layer, lift, merge
from nexus.config.node import NodeConfig
from nexus.config.settings import Setting, apply, check_labels
from nexus.config.world import Machine, World, WorldConfig, WorldMachine
from nexus.config.world_rules import find_shared_problems, find_world_problems

ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class LoadedNode:
    """A node, and where each of its values stands."""

    config: CheckedNode
    layer: Layer


@dataclass(frozen=True, slots=True)
class LoadedWorld:
    """A world, its own file's values, its nodes by label, and where each value stands."""

    config: World
    file: WorldConfig
    layer: Layer
    nodes: Mapping[str, LoadedNode]


def load_node(path: str | Path, settings: Sequence[Setting] = ()) -> CheckedNode:
    """Read and check a node's file, with what it extends.

    Raises:
        ConfigError: with one line for every mistake.
    """
    check_labels(settings, ())
    layer, _ = load_extended(Path(path), Kind.NODE)
    return _node_of(apply(layer, settings, None)).config


def load_any(path: str | Path, settings: Sequence[Setting] = ()) -> CheckedNode | World:
    """Read and check either kind of file, told apart by content: only a node has `[node]`.

    Raises:
        ConfigError: with one line for every mistake.
    """
    return load_with_origins(path, settings).config


def load_with_origins(
    path: str | Path, settings: Sequence[Setting] = ()
) -> LoadedNode | LoadedWorld:
    """Read either kind of file, and keep where each value stands."""
    layer, kind = load_extended(Path(path))
    kind = kind or kind_of(layer.data)
    if kind is None:
        raise _refusal(layer, list(find_foreign_keys(layer.data)))
    if kind is Kind.NODE:
        check_labels(settings, ())
        return _node_of(apply(layer, settings, None))
    return _world_of(layer, settings)


def load_model(model: type[ModelT], path: str | Path) -> ModelT:
    """Read a file of any one model; what holds between its values is the caller's to check."""
    source = Path(path)
    return parse(model, read_toml(source), str(source))


def _node_of(layer: Layer) -> LoadedNode:
    node = _parse_layer(NodeConfig, layer)
    if node.dsoftbus is not None and isinstance(node.dsoftbus.static_key, FileKey):
        origin = layer.find_origin(("dsoftbus", "static_key", "file"))
        assert origin is not None, "a value that was read stands somewhere"
        read_key(origin, node.dsoftbus.static_key)
    try:
        return LoadedNode(check_node(node), layer)
    except ConfigError as exc:
        problems = exc.problems
    raise _refusal(layer, problems)


def _world_of(layer: Layer, settings: Sequence[Setting]) -> LoadedWorld:
    layer = apply(layer, settings, None)
    config = _parse_layer(WorldConfig, layer)
    check_labels(settings, [machine.label for machine in config.machine])
    problems = find_world_problems(config)
    nodes: dict[str, LoadedNode] = {}
    paths: dict[str, Path] = {}
    failures: list[ConfigError] = []
    for index, machine in enumerate(config.machine):
        origin = layer.find_origin(("machine", index, "node"))
        assert origin is not None, "a value that was read stands somewhere"
        path = paths[machine.label] = origin.folder / machine.node
        text = find_missing(path, machine.node, "node file")
        if text is not None:
            problems.append(Problem(f"machine[{index}].node", text))
            continue
        try:
            nodes[machine.label] = _node_of_machine(path, layer, index, machine, settings)
        except ConfigError as exc:
            failures.append(exc)
    if not (problems or failures):
        shared = find_shared_problems({label: n.config for label, n in nodes.items()})
        problems += [_in_world(label, problem, nodes[label].layer) for label, problem in shared]
    if problems or failures:
        raise _refusal(layer, problems, failures)
    return LoadedWorld(_world(layer.source, config, nodes, paths), config, layer, nodes)


def _in_world(label: str, problem: Problem, node: Layer) -> Problem:
    """Let a problem between machines name the machine, and where its value stands."""
    placed = node.place(problem)
    place = f" ({placed.source}:{placed.line})" if placed.line else ""
    return Problem(f"machine {label}: {problem.field}", problem.text + place)


def _node_of_machine(
    path: Path, world: Layer, index: int, machine: Machine, settings: Sequence[Setting]
) -> LoadedNode:
    node, _ = load_extended(path, Kind.NODE)
    if machine.override is not None:
        node = merge(node, lift(world, ("machine", index, "override"), Given.OVERRIDE))
    return _node_of(apply(node, settings, machine.label))


def _world(
    source: str, config: WorldConfig, nodes: Mapping[str, LoadedNode], paths: Mapping[str, Path]
) -> World:
    machines = tuple(
        WorldMachine(
            machine.label,
            machine.image or nodes[machine.label].config.boots,
            nodes[machine.label].config,
            str(paths[machine.label]),
            machine.forbid,
        )
        for machine in config.machine
    )
    return World(
        path=source,
        seed=config.seed,
        epoch_s=config.epoch_s,
        link=config.link,
        machines=machines,
        reboots=config.reboot,
        budget_ms=config.budget_ms,
        instructions_max=config.instructions_max,
        expect=config.expect,
        forbid=config.forbid,
    )


def _refusal(
    layer: Layer, problems: Sequence[Problem], failures: Sequence[ConfigError] = ()
) -> ConfigError:
    placed = [layer.place(problem, is_shared=True) for problem in problems]
    return ConfigError(layer.source, placed, failures)


def _parse_layer(model: type[ModelT], layer: Layer) -> ModelT:
    try:
        return parse(model, dict(layer.data), layer.source)
    except ConfigError as exc:
        problems = [layer.place(problem) for problem in exc.problems]
    raise ConfigError(layer.source, problems)


def parse(model: type[ModelT], data: dict[str, object], source: str) -> ModelT:
    """Check the shape of every value of a file's content."""
    try:
        return model.model_validate(data)
    except ValidationError as exc:
        # The pydantic error holds the input, secrets included: it must not be chained.
        problems = explain(exc, model)
    raise ConfigError(source, problems)
