"""The graph of zig modules behind a target, as files and as arguments of the compiler.

The compiler wants every module of the program on one command line, each preceded by the names it
may import:

    --dep abi --dep net -Mroot=src/guest/x/main.zig --dep abi -Mnet=src/... -Mabi=src/...

The order is that of discovery, breadth first from the root, names sorted: it is part of the key
under which a build is cached.  An image of C and assembly alone has no root, and no modules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple

from pants.core.target_types import FileSourceField, ResourceSourceField
from pants.core.util_rules.source_files import SourceFiles, SourceFilesRequest
from pants.engine.addresses import Address
from pants.engine.fs import CreateDigest, Digest, DigestContents, FileContent
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    Dependencies,
    DependenciesRequest,
    HydratedSources,
    HydrateSourcesRequest,
    InvalidTargetException,
    SourcesField,
    SourcesPaths,
    SourcesPathsRequest,
    Target,
    Targets,
    TransitiveTargets,
    TransitiveTargetsRequest,
)

from nexus_os.schemas.capnp_code import zig_root
from nexus_os.targets.capnp import CapnpSchema, CapnpSourcesField
from nexus_os.targets.suggestion import did_you_mean
from nexus_os.targets.zig import (
    ZigModule,
    ZigRootSourceField,
    ZigSourcesField,
)

# The compiler calls the program's own module so; a dependency of that name would be shadowed.
ROOT_MODULE = "root"


@dataclass(frozen=True)
class Substitution:
    """One deliberate mistake: in one file, one text, which stands there once, becomes another."""

    owner: Address
    name: str
    file: str
    find: str
    replace: str


@dataclass(frozen=True)
class ZigProgramRequest:
    """A target with zig sources: an image, or the module to test."""

    target: Target
    substitution: Optional[Substitution] = None


@dataclass(frozen=True)
class ZigProgram:
    module_argv: Tuple[str, ...]
    sources: Digest
    files: Tuple[str, ...]
    own_files: Tuple[str, ...] = ()  # Those of the target itself.


@dataclass(frozen=True)
class _Module:
    name: str
    target: Target
    files: Tuple[str, ...]
    imports: Tuple[str, ...]

    @property
    def root(self) -> Optional[str]:
        if isinstance(self.target, CapnpSchema):
            return zig_root(self.target)
        return self.target[ZigRootSourceField].path_among(self.files)

    @property
    def argv(self) -> Tuple[str, ...]:
        if self.root is None:
            return ()
        deps = (arg for name in self.imports for arg in ("--dep", name))
        return (*deps, f"-M{self.name}={self.root}")


def _module_name(target: Target) -> str:
    return target.address.target_name


def _is_module(target: Target) -> bool:
    return isinstance(target, (CapnpSchema, ZigModule))


def _sources_field(target: Target) -> SourcesField:
    kind = CapnpSourcesField if isinstance(target, CapnpSchema) else ZigSourcesField
    return target[kind]


@dataclass(frozen=True)
class _ZigFilesOf:
    target: Target


@dataclass(frozen=True)
class _ZigFiles:
    files: Tuple[str, ...]


@rule
async def list_zig_files(request: _ZigFilesOf) -> _ZigFiles:
    """The files of a module, also of one that is generated."""
    if not isinstance(request.target, CapnpSchema):
        paths = await Get(SourcesPaths, SourcesPathsRequest(request.target[ZigSourcesField]))
        return _ZigFiles(paths.files)
    generated = await Get(
        HydratedSources,
        HydrateSourcesRequest(
            request.target[CapnpSourcesField],
            for_sources_types=(ZigSourcesField,),
            enable_codegen=True,
        ),
    )
    return _ZigFiles(generated.snapshot.files)


@rule
async def collect_zig_program(request: ZigProgramRequest) -> ZigProgram:
    seen: Dict[str, Address] = {}
    modules: List[_Module] = []
    others: List[Target] = []
    level = [(ROOT_MODULE, request.target)]
    while level:
        dependencies = await MultiGet(
            Get(Targets, DependenciesRequest(target[Dependencies])) for _, target in level
        )
        files = await MultiGet(Get(_ZigFiles, _ZigFilesOf(target)) for _, target in level)
        following: Dict[str, Target] = {}
        for (name, target), direct, own in zip(level, dependencies, files):
            if isinstance(target, CapnpSchema):
                direct = Targets()  # Schemas that it imports, which its generator reads.
            imported = sorted((t for t in direct if _is_module(t)), key=_module_name)
            others.extend(t for t in direct if not _is_module(t))
            modules.append(_Module(name, target, own.files, tuple(map(_module_name, imported))))
            for module in imported:
                _claim_name(seen, module, request.target)
                following[_module_name(module)] = module
        done = {module.name for module in modules}
        level = [(name, target) for name, target in sorted(following.items()) if name not in done]

    # A header may come with others that it includes.
    beside = await Get(TransitiveTargets, TransitiveTargetsRequest([t.address for t in others]))
    sources = await Get(
        SourceFiles,
        SourceFilesRequest(
            [
                *(_sources_field(module.target) for module in modules),
                *(t[SourcesField] for t in beside.closure if t.has_field(SourcesField)),
            ],
            for_sources_types=(ZigSourcesField, FileSourceField, ResourceSourceField),
            enable_codegen=True,
        ),
    )
    _require_roots(modules)
    digest = sources.snapshot.digest
    wrong = request.substitution
    if wrong is not None and wrong.file in sources.files:
        contents = await Get(DigestContents, Digest, digest)
        digest = await Get(Digest, CreateDigest(substitute(contents, wrong)))
    return ZigProgram(
        tuple(arg for module in modules for arg in module.argv),
        digest,
        sources.files,
        modules[0].files,
    )


def substitute(contents: DigestContents, wrong: Substitution) -> Tuple[FileContent, ...]:
    """Refuse what has changed since the mistake was thought of: it would be another one."""
    files = []
    for file in contents:
        if file.path != wrong.file:
            files.append(file)
            continue
        text = file.content.decode()
        count = text.count(wrong.find)
        if count != 1:
            raise InvalidTargetException(
                f"{wrong.owner}: mutant {wrong.name!r}: `find` stands {count} times in "
                f"{wrong.file}; it must stand there once. Write it as the file now has it."
            )
        wrong_text = text.replace(wrong.find, wrong.replace)
        files.append(FileContent(file.path, wrong_text.encode(), file.is_executable))
    return tuple(files)


def _claim_name(seen: Dict[str, Address], module: Target, program: Target) -> None:
    """Refuse two modules of one name: an import could mean either."""
    name = _module_name(module)
    known = seen.setdefault(name, module.address)
    if name == ROOT_MODULE or known != module.address:
        other = "the program's own module" if name == ROOT_MODULE else str(known)
        raise InvalidTargetException(
            f"{program.address} depends on two zig modules called {name!r}: {other} and "
            f"{module.address}. Rename one of the targets."
        )


def _require_roots(modules: List[_Module]) -> None:
    for module in modules:
        address = module.target.address
        if module.root is None and module.imports:
            raise InvalidTargetException(
                f"{address} depends on the zig modules {', '.join(module.imports)}, but has no zig "
                "file that could import them. Give one as `root_source`, for instance with "
                f'`comptime {{ _ = @import("{module.imports[0]}"); }}` in it, or drop them.'
            )
        if module.root is not None and module.root not in module.files:
            raise InvalidTargetException(
                f"{address} has no file {module.root}.{did_you_mean(module.root, module.files)} "
                "The `root_source` field must name one of the files in its `sources`."
            )


def rules():
    return collect_rules()
