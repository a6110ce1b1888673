"""Preparing a run: images built, configurations collected, the runner's arguments put together.

The runner's interface, which is all this plugin knows of it:

    --world FILE | --node FILE --expect LINE ...
    --image NAME=PATH ...   --out FOLDER   --seed N   --budget-ms N
    --native-blob FILE   --translations FILE   --engine NAME
    --forbid TEXT ...   --expect-outcome NAME   --expect-message TEXT   --wall-seconds N
"""

from __future__ import annotations

import os.path
from dataclasses import dataclass
from typing import Iterable, Optional, Tuple

from pants.core.target_types import FileSourceField
from pants.core.util_rules.source_files import SourceFiles, SourceFilesRequest
from pants.engine.fs import Digest, DigestContents, MergeDigests
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    InvalidFieldException,
    SourcesField,
    TransitiveTargets,
    TransitiveTargetsRequest,
)

from nexus_os.emulator.native_code import NativeCode, NativeCodeRequest
from nexus_os.emulator.translation import BuiltTranslations, TranslationsReference
from nexus_os.images.built_images import BuiltImages
from nexus_os.options import NexusOs
from nexus_os.programs.first_party import ProgramRequest
from nexus_os.references.addresses import ConfigReference, ConfigTarget, ImageReferences
from nexus_os.references.config_references import image_names, parse
from nexus_os.targets.configs import ConfigSourceField, WorldConfigSourceField
from nexus_os.targets.suggestion import did_you_mean

# A node on its own has one image; the runner wants a name for it all the same, and worlds of one
# machine use this one.
SINGLE_IMAGE = "system"


@dataclass(frozen=True)
class BootRequest:
    """The boot that a target asks for: a world, or a node with the lines it must print."""

    config: ConfigReference
    images: ImageReferences
    expect: Tuple[str, ...] = ()
    forbid: Tuple[str, ...] = ()
    seed: Optional[int] = None
    budget_ms: Optional[int] = None
    extra_args: Tuple[str, ...] = ()
    translations: Optional[TranslationsReference] = None


@dataclass(frozen=True)
class Boot:
    """A run, ready except for the place where it happens."""

    program: ProgramRequest
    inputs: Digest
    request: BootRequest
    is_world: bool
    config_path: str
    image_paths: Tuple[Tuple[str, str], ...]
    native_path: Optional[str] = None
    translations_path: Optional[str] = None
    # Images that have to be fetched first: why each of them is not there.
    missing: Tuple[str, ...] = ()

    @property
    def has_translations(self) -> bool:
        """Without the interpreter to fall back on they are of no use; the reference runs alone."""
        return self.translations_path is not None and self.native_path is not None

    def code_argv(self, prefix: str = "") -> Tuple[str, ...]:
        """The images and what runs them, for inputs laid out under `prefix`."""
        argv = []
        for name, path in self.image_paths:
            argv += ["--image", f"{name}={os.path.join(prefix, path)}"]
        if self.native_path is not None:
            argv += ["--native-blob", os.path.join(prefix, self.native_path)]
        if self.has_translations:
            argv += ["--translations", os.path.join(prefix, self.translations_path or "")]
        return tuple(argv)

    def argv(self, out: str, prefix: str = "") -> Tuple[str, ...]:
        """The runner's arguments, for inputs laid out under `prefix`."""
        request = self.request
        config = os.path.join(prefix, self.config_path)
        argv = ["--world" if self.is_world else "--node", config]
        for line in request.expect:
            argv += ["--expect", line]
        for text in request.forbid:
            argv += ["--forbid", text]
        argv += self.code_argv(prefix)
        chosen = any(text.split("=")[0] == "--engine" for text in request.extra_args)
        if self.has_translations and not chosen:
            argv += ["--engine", "translated"]
        argv += ["--out", out]
        if request.seed is not None:
            argv += ["--seed", str(request.seed)]
        if request.budget_ms is not None:
            argv += ["--budget-ms", str(request.budget_ms)]
        return (*argv, *request.extra_args)


@rule
async def prepare_boot(request: BootRequest, nexus_os: NexusOs) -> Boot:
    config, images, native, translations = await MultiGet(
        Get(ConfigTarget, ConfigReference, request.config),
        Get(BuiltImages, ImageReferences, request.images),
        Get(NativeCode, NativeCodeRequest()),
        Get(
            BuiltTranslations,
            TranslationsReference,
            request.translations or TranslationsReference(request.config.owner, "", None),
        ),
    )
    is_world = config.target.has_field(WorldConfigSourceField)
    _require_expectation(request, is_world)
    closure = await Get(TransitiveTargets, TransitiveTargetsRequest([config.target.address]))
    files = await Get(
        SourceFiles,
        SourceFilesRequest(
            [t[SourcesField] for t in closure.closure if t.has_field(SourcesField)],
            for_sources_types=(ConfigSourceField, FileSourceField),
        ),
    )
    contents = await Get(DigestContents, Digest, files.snapshot.digest)
    _require_known_images(request.images, [file.content for file in contents])
    inputs = await Get(
        Digest,
        MergeDigests(
            (
                files.snapshot.digest,
                images.digest,
                native.digest,
                translations.digest,
            )
        ),
    )
    return Boot(
        ProgramRequest(nexus_os.run_module),
        inputs,
        request,
        is_world,
        config.path,
        images.paths,
        native_path=native.path,
        translations_path=translations.path,
        missing=images.missing,
    )


def _require_expectation(request: BootRequest, is_world: bool) -> None:
    """A node needs the lines that it must print; a world has its own."""
    owner = request.config.owner
    if is_world and (request.expect or request.forbid):
        raise InvalidFieldException(
            f"The `{request.config.field}` field of {owner} is {request.config.text!r}, a world, "
            "which has expectations of its own. Remove the fields `expect` and `forbid`."
        )
    if not is_world and not request.expect:
        raise InvalidFieldException(
            f"The `expect` field of {owner} is empty. A test that expects nothing passes whatever "
            "happens; list at least one line."
        )


def _require_known_images(images: ImageReferences, configurations: Iterable[bytes]) -> None:
    """Refuse a name that only looks like one that the machines ask for.

    The runner reports other missing names, with the machine and the field that need them.
    """
    wanted = {SINGLE_IMAGE}
    for content in configurations:
        wanted |= image_names(parse(content.decode(errors="replace")))
    missing = sorted(wanted - set(images.images))
    for name in sorted(set(images.images) - wanted):
        near = did_you_mean(name, missing)
        if near:
            raise InvalidFieldException(
                f"The `{images.field}` field of {images.owner} gives an image under the name "
                f"{name!r}, which no machine asks for.{near} Expected names that the machines "
                f"ask for: {', '.join(map(repr, sorted(wanted)))}."
            )


def rules():
    return collect_rules()
