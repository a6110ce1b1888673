"""Reading configuration files: the one module of this package that touches a disk.

Every failure is a `ConfigError` whose lines name the file.
"""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from nexus.config.error import ConfigError, Problem
from nexus.config.explain import explain
from nexus.config.keys import FileKey
from nexus.config.node import NodeConfig
from nexus.config.rules import find_problems
from nexus.config.world import World, WorldConfig, WorldMachine
from nexus.config.world_rules import find_shared_problems, find_world_problems

# A thousand times what a real file needs; beyond it something else was named by mistake.
FILE_BYTES_MAX: Final = 1 << 20
_KEY_FILE_BYTES_MAX: Final = 66

ModelT = TypeVar("ModelT", bound=BaseModel)


def load_node(path: str | Path) -> NodeConfig:
    """Read and check a node's file.

    Raises:
        ConfigError: with one line for every mistake.
    """
    source = Path(path)
    return _node_of(source, _read_toml(source))


def load_world(path: str | Path) -> World:
    """Read and check a world's file and those of its nodes.

    Raises:
        ConfigError: with one line for every mistake.
    """
    source = Path(path)
    return _world_of(source, _read_toml(source))


def load_any(path: str | Path) -> NodeConfig | World:
    """Read either kind of file, told apart by content: only a world has machines."""
    source = Path(path)
    data = _read_toml(source)
    return _node_of(source, data) if "node" in data else _world_of(source, data)


def load_model(model: type[ModelT], path: str | Path) -> ModelT:
    """Read a file of any one model; what holds between its values is the caller's to check."""
    source = Path(path)
    return parse(model, _read_toml(source), str(source))


def _node_of(source: Path, data: dict[str, Any]) -> NodeConfig:
    node = parse(NodeConfig, data, str(source))
    if node.dsoftbus is not None and isinstance(node.dsoftbus.static_key, FileKey):
        _read_key(source, node.dsoftbus.static_key)
    problems = find_problems(node)
    if problems:
        raise ConfigError(str(source), problems)
    return node


def _world_of(source: Path, data: dict[str, Any]) -> World:
    config = parse(WorldConfig, data, str(source))
    problems = find_world_problems(config)
    machines: list[WorldMachine] = []
    failures: list[ConfigError] = []
    for index, machine in enumerate(config.machine):
        node_path = source.parent / machine.node
        if not node_path.is_file():
            text = f"{machine.node!r} is a missing node file; looked for {node_path}"
            problems.append(Problem(f"machine[{index}].node", text))
            continue
        try:
            node = load_node(node_path)
        except ConfigError as exc:
            failures.append(exc)
            continue
        image = machine.image or node.node.image
        machines.append(WorldMachine(machine.label, image, node, str(node_path), machine.forbid))
    if not (problems or failures):
        problems += find_shared_problems({m.label: m.node for m in machines})
    if problems or failures:
        raise ConfigError(str(source), problems, failures)
    return World(
        path=str(source),
        seed=config.seed,
        link=config.link,
        machines=tuple(machines),
        reboots=config.reboot,
        budget_ms=config.budget_ms,
        instructions_max=config.instructions_max,
        expect=config.expect,
        forbid=config.forbid,
    )


def parse(model: type[ModelT], data: dict[str, Any], source: str) -> ModelT:
    """Check the shape of every value of a file's content."""
    try:
        return model.model_validate(data)
    except ValidationError as exc:
        # The pydantic error holds the input, secrets included: it must not be chained.
        problems = explain(exc, model)
    raise ConfigError(source, problems)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            content = stream.read(FILE_BYTES_MAX + 1)  # A device has no size to ask for first.
        if len(content) > FILE_BYTES_MAX:
            raise ConfigError(str(path), [Problem("", f"larger than {FILE_BYTES_MAX} bytes")])
        return tomllib.loads(content.decode("utf-8"))
    except OSError as exc:
        problem = Problem("", f"cannot read: {exc.strerror}")
    except UnicodeDecodeError:
        problem = Problem("", "is not UTF-8 text")
    except ValueError as exc:  # Also what an integer of thousands of digits raises.
        problem = Problem("", f"is not TOML: {exc}")
    except RecursionError:
        problem = Problem("", "is nested too deeply")
    raise ConfigError(str(path), [problem])


def _read_key(node_path: Path, key: FileKey) -> None:
    path = node_path.parent / key.file
    field = "dsoftbus.static_key.file"
    try:
        with path.open("rb") as stream:
            # Asked of the open file, so that what is checked is what is read.
            mode = os.fstat(stream.fileno()).st_mode
            content = stream.read(_KEY_FILE_BYTES_MAX) if stat.S_ISREG(mode) else b""
    except OSError as exc:
        problem = Problem(field, f"cannot read {key.file!r}: {exc.strerror}")
        raise ConfigError(str(node_path), [problem]) from exc
    if mode & 0o077:
        shown = f"mode {stat.S_IMODE(mode):04o}"
        text = f"{key.file!r} has {shown}; accepted is a file of its owner only, such as 0600"
        raise ConfigError(str(node_path), [Problem(field, text)])
    try:
        key.take_content(content)
    except ValueError as exc:
        raise ConfigError(str(node_path), [Problem(field, f"{key.file!r}: {exc}")]) from None
