"""The emulator's native interpreter as a build product: compiled once, cached, given to every boot.

The program that compiles it lives in a resolve of its own, because it needs LLVM and nothing that
runs does.  It compiles for every processor on each of them, so each has a product with a key of its
own; boots get the one of the host.  A release has the products, and an option names them.  Without
a product the runner interprets.
"""

from __future__ import annotations

import os.path
from dataclasses import dataclass
from typing import Optional, Tuple

from pants.engine.addresses import Address
from pants.engine.fs import EMPTY_DIGEST, Digest, PathGlobs, Snapshot
from pants.engine.platform import Platform
from pants.engine.process import Process, ProcessResult
from pants.engine.rules import Get, collect_rules, rule
from pants.util.logging import LogLevel

from nexus_os.options import NexusOs
from nexus_os.programs.first_party import (
    ProgramAddresses,
    ProgramRequest,
    ReleasedFile,
    ReleasedFileRequest,
)
from nexus_os.programs.program_process import ProgramProcess
from nexus_os.targets.translations import AARCH64, HOST, X86_64

FILE = "native-interpreter.bin"

_ARM = (Platform.linux_arm64, Platform.macos_arm64)


@dataclass(frozen=True)
class NativeCodeRequest:
    """Asks for the code of a processor, or for nothing where none is wanted."""

    processor: str = HOST


def processor_of(asked: str, platform: Platform) -> str:
    """The processor that is meant on this platform, as the programs take it."""
    if asked != HOST:
        return asked
    return AARCH64 if platform in _ARM else X86_64


def for_processor(path: str, processor: str) -> str:
    """The product's path beside the host's own, for a processor that need not be the host's."""
    stem, extension = os.path.splitext(path)
    return f"{stem}.{processor}{extension}"


@dataclass(frozen=True)
class NativeCode:
    digest: Digest
    path: Optional[str]


@dataclass(frozen=True)
class NativeCodeBuilders:
    """The targets that the code depends on: the program that makes it, if there is one."""

    addresses: Tuple[Address, ...]


def _is_compiled(nexus_os: NexusOs) -> bool:
    """Whether the code is made here, and not taken from a release."""
    return bool(nexus_os.native_module) and not nexus_os.programs


@rule
async def find_native_code_builders(
    request: NativeCodeRequest, nexus_os: NexusOs
) -> NativeCodeBuilders:
    if nexus_os.native_interpreter or not _is_compiled(nexus_os):
        return NativeCodeBuilders(())
    found = await Get(
        ProgramAddresses, ProgramRequest(nexus_os.native_module, nexus_os.native_resolve)
    )
    return NativeCodeBuilders(found.addresses)


@rule(desc="Compile the native interpreter", level=LogLevel.DEBUG)
async def build_native_code(
    request: NativeCodeRequest, nexus_os: NexusOs, platform: Platform
) -> NativeCode:
    processor = processor_of(request.processor, platform)
    if nexus_os.native_interpreter:
        # A release has those of other processors beside the one that the option names.
        other = for_processor(nexus_os.native_interpreter, processor)
        found = await Get(Snapshot, PathGlobs([other]))
        if found.files:
            return NativeCode(found.digest, other)
        released = await Get(
            ReleasedFile, ReleasedFileRequest("native_interpreter", nexus_os.native_interpreter)
        )
        return NativeCode(released.digest, released.path)
    if not _is_compiled(nexus_os):
        return NativeCode(EMPTY_DIGEST, None)
    name = FILE if request.processor == HOST else for_processor(FILE, processor)
    process = await Get(
        Process,
        ProgramProcess(
            ProgramRequest(nexus_os.native_module, nexus_os.native_resolve),
            argv=("--processor", processor, "--out", name),
            inputs=EMPTY_DIGEST,
            output_files=(name,),
            description=f"Compile the native interpreter of the emulator for {processor}",
        ),
    )
    result = await Get(ProcessResult, Process, process)
    return NativeCode(result.output_digest, name)


def rules():
    return collect_rules()
