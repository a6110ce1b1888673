"""Preparing a run: images built, configurations collected, the runner's arguments put together.

The runner's interface, which is all this plugin knows of it:

    --world FILE | --node FILE --expect LINE ...
    --image NAME=PATH ...   --out FOLDER   --seed N   --budget-ms N
    --forbid TEXT ...   --expect-outcome NAME   --expect-message TEXT   --wall-seconds N
"""

from __future__ import annotations

import os.path
from dataclasses import dataclass
from typing import Optional, Tuple

from pants.core.target_types import FileSourceField
from pants.core.util_rules.source_files import SourceFiles, SourceFilesRequest
from pants.engine.fs import Digest, MergeDigests
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import SourcesField, TransitiveTargets, TransitiveTargetsRequest

from nexus_os.addresses import ConfigReference, ConfigTarget, ImageReferences
from nexus_os.config_targets import ConfigSourceField
from nexus_os.first_party import NexusOs, Program, ProgramRequest
from nexus_os.images import BuiltImages


@dataclass(frozen=True)
class BootRequest:
    """What a target asks to be booted.  A world has no `expect`: it says itself what it expects."""

    config: ConfigReference
    images: ImageReferences
    expect: Optional[Tuple[str, ...]] = None
    forbid: Tuple[str, ...] = ()
    seed: Optional[int] = None
    budget_ms: Optional[int] = None
    extra_args: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Boot:
    """A run, ready but for the place where it happens."""

    program: Program
    inputs: Digest
    request: BootRequest
    config_path: str
    image_paths: Tuple[Tuple[str, str], ...]

    def argv(self, out: str, prefix: str = "") -> Tuple[str, ...]:
        """The runner's arguments, for inputs laid out under `prefix`."""
        request = self.request
        config = os.path.join(prefix, self.config_path)
        argv = ["--world" if request.expect is None else "--node", config]
        for line in request.expect or ():
            argv += ["--expect", line]
        for text in request.forbid:
            argv += ["--forbid", text]
        for name, path in self.image_paths:
            argv += ["--image", f"{name}={os.path.join(prefix, path)}"]
        argv += ["--out", out]
        if request.seed is not None:
            argv += ["--seed", str(request.seed)]
        if request.budget_ms is not None:
            argv += ["--budget-ms", str(request.budget_ms)]
        return (*argv, *request.extra_args)


@rule
async def prepare_boot(request: BootRequest, nexus_os: NexusOs) -> Boot:
    config, images, program = await MultiGet(
        Get(ConfigTarget, ConfigReference, request.config),
        Get(BuiltImages, ImageReferences, request.images),
        Get(Program, ProgramRequest(nexus_os.run_module)),
    )
    closure = await Get(TransitiveTargets, TransitiveTargetsRequest([config.target.address]))
    files = await Get(
        SourceFiles,
        SourceFilesRequest(
            [t[SourcesField] for t in closure.closure if t.has_field(SourcesField)],
            for_sources_types=(ConfigSourceField, FileSourceField),
        ),
    )
    inputs = await Get(
        Digest, MergeDigests((files.snapshot.digest, images.digest, program.sources))
    )
    return Boot(program, inputs, request, config.path, images.paths)


def rules():
    return collect_rules()
