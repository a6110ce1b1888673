"""The emulator's native interpreter as a build product: compiled once, cached, given to every boot.

The program that compiles it lives in a resolve of its own, because it needs LLVM and nothing that
runs does.  A release has the product, and an option names it.  If neither is there, the product is
left out; the runner then interprets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from pants.engine.addresses import Address
from pants.engine.fs import EMPTY_DIGEST, Digest
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

FILE = "native-interpreter.bin"


@dataclass(frozen=True)
class NativeCodeRequest:
    """Asks for the code, or for nothing where none is wanted."""


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
async def build_native_code(request: NativeCodeRequest, nexus_os: NexusOs) -> NativeCode:
    if nexus_os.native_interpreter:
        released = await Get(
            ReleasedFile, ReleasedFileRequest("native_interpreter", nexus_os.native_interpreter)
        )
        return NativeCode(released.digest, released.path)
    if not _is_compiled(nexus_os):
        return NativeCode(EMPTY_DIGEST, None)
    process = await Get(
        Process,
        ProgramProcess(
            ProgramRequest(nexus_os.native_module, nexus_os.native_resolve),
            argv=("--out", FILE),
            inputs=EMPTY_DIGEST,
            output_files=(FILE,),
            description="Compile the native interpreter of the emulator",
        ),
    )
    result = await Get(ProcessResult, Process, process)
    return NativeCode(result.output_digest, FILE)


def rules():
    return collect_rules()
