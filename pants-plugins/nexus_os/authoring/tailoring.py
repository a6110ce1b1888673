"""`tailor`: targets for guests and configurations that no BUILD file mentions yet.

What is proposed follows from names and shapes that leave one reading: a folder with `root.zig` is a
module, one with a linker script and something to link is an image, and a TOML file with machines is
a world.  Everything else is left to its author.
"""

from __future__ import annotations

import os.path
import re
from dataclasses import dataclass
from typing import Dict, Iterable, List, Mapping, Set

from pants.core.goals.tailor import (
    AllOwnedSources,
    PutativeTarget,
    PutativeTargets,
    PutativeTargetsRequest,
)
from pants.engine.fs import DigestContents, PathGlobs, Paths
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.unions import UnionRule
from pants.util.dirutil import group_by_dir
from pants.util.logging import LogLevel

from nexus_os.options import NexusOs
from nexus_os.references.config_references import is_node, is_world, parse
from nexus_os.targets.capnp import CapnpSchema
from nexus_os.targets.configs import NodeConfig, NodeConfigs, WorldConfig
from nexus_os.targets.images import ROOT_SOURCE, GuestLinkerScriptField, Rv64GuestImage
from nexus_os.targets.zig import ZigModule, ZigRootSourceField, ZigTest

_MODULE_ROOT = ZigRootSourceField.default
_C_ENDINGS = (".c", ".S")

# A `test` block of zig, with a name or without.
_TEST_BLOCK = re.compile(r'^\s*test\s*("|\{|\w)', re.MULTILINE)

# The files that `node_configs` takes by default.
_NODE_FILE = re.compile(r"node-.*\.toml")


@dataclass(frozen=True)
class PutativeGuestTargetsRequest(PutativeTargetsRequest):
    pass


@dataclass(frozen=True)
class PutativeConfigTargetsRequest(PutativeTargetsRequest):
    pass


@rule(level=LogLevel.DEBUG, desc="Look for guests without a target")
async def propose_guest_targets(
    request: PutativeGuestTargetsRequest, owned: AllOwnedSources, nexus_os: NexusOs
) -> PutativeTargets:
    if not nexus_os.tailor:
        return PutativeTargets()
    sources, scripts = await MultiGet(
        Get(Paths, PathGlobs, request.path_globs("*.zig", "*.c", "*.S")),
        Get(Paths, PathGlobs, request.path_globs("*.ld")),
    )
    unowned = set(sources.files) - set(owned)
    zig = await Get(DigestContents, PathGlobs(path for path in unowned if path.endswith(".zig")))
    tested = {
        os.path.dirname(file.path)
        for file in zig
        if _TEST_BLOCK.search(file.content.decode(errors="replace"))
    }
    scripts_of = group_by_dir(scripts.files)
    return PutativeTargets(
        target
        for folder, names in group_by_dir(unowned).items()
        for target in guest_targets(
            folder, names, scripts_of.get(folder, set()), tested=folder in tested
        )
    )


def guest_targets(
    folder: str, names: Set[str], scripts: Set[str], *, tested: bool
) -> List[PutativeTarget]:
    """The targets that tailor proposes for unowned sources of a folder."""
    linked = sorted({ROOT_SOURCE} & names) or sorted(n for n in names if n.endswith(_C_ENDINGS))
    # With several scripts, nothing says which one belongs to the guest.
    if linked and len(scripts) == 1:
        (script,) = scripts
        kwargs = {} if script == GuestLinkerScriptField.default else {"linker_script": script}
        return [_target(Rv64GuestImage, folder, None, linked, kwargs)]
    if _MODULE_ROOT not in names:
        return []
    module = _target(ZigModule, folder, None, [_MODULE_ROOT], {})
    if not tested:
        return [module]
    return [module, _target(ZigTest, folder, "tests", [], {"module": f":{module.name}"})]


@dataclass(frozen=True)
class PutativeCapnpTargetsRequest(PutativeTargetsRequest):
    pass


@rule(level=LogLevel.DEBUG, desc="Look for schemas without a target")
async def propose_capnp_targets(
    request: PutativeCapnpTargetsRequest, owned: AllOwnedSources, nexus_os: NexusOs
) -> PutativeTargets:
    if not nexus_os.tailor:
        return PutativeTargets()
    found = await Get(Paths, PathGlobs, request.path_globs("*.capnp"))
    unowned = set(found.files) - set(owned)
    return PutativeTargets(
        _target(CapnpSchema, folder, None, sorted(names), {})
        for folder, names in group_by_dir(unowned).items()
    )


@rule(level=LogLevel.DEBUG, desc="Look for configurations without a target")
async def propose_config_targets(
    request: PutativeConfigTargetsRequest, owned: AllOwnedSources, nexus_os: NexusOs
) -> PutativeTargets:
    if not nexus_os.tailor:
        return PutativeTargets()
    found = await Get(Paths, PathGlobs, request.path_globs("*.toml"))
    files = await Get(DigestContents, PathGlobs(sorted(set(found.files) - set(owned))))
    by_folder: Dict[str, Dict[str, str]] = {}
    for file in files:
        folder, name = os.path.split(file.path)
        by_folder.setdefault(folder, {})[name] = file.content.decode(errors="replace")
    return PutativeTargets(
        target
        for folder, contents in by_folder.items()
        for target in config_targets(folder, contents)
    )


def config_targets(folder: str, contents: Mapping[str, str]) -> List[PutativeTarget]:
    """The targets that tailor proposes for unowned TOML files of a folder."""
    parsed = {name: parse(text) for name, text in sorted(contents.items())}
    nodes = [name for name, content in parsed.items() if is_node(content)]
    worlds = [name for name, content in parsed.items() if is_world(content)]
    together = [name for name in nodes if _NODE_FILE.fullmatch(name)]
    found = [_target(NodeConfigs, folder, "nodes", together, {})] if together else []
    for kind, names in ((NodeConfig, nodes), (WorldConfig, worlds)):
        for name in names:
            if name not in together:
                stem = os.path.splitext(name)[0]
                found.append(_target(kind, folder, stem, [name], {"source": name}))
    return found


def _target(kind, folder: str, name, sources: Iterable[str], kwargs) -> PutativeTarget:
    return PutativeTarget.for_target_type(
        kind, path=folder, name=name, triggering_sources=sources, kwargs=kwargs
    )


def rules():
    return [
        *collect_rules(),
        UnionRule(PutativeTargetsRequest, PutativeCapnpTargetsRequest),
        UnionRule(PutativeTargetsRequest, PutativeGuestTargetsRequest),
        UnionRule(PutativeTargetsRequest, PutativeConfigTargetsRequest),
    ]
