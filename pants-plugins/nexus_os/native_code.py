"""The emulator's native interpreter as a build product: compiled once, cached, given to every boot.

The program that compiles it lives in a resolve of its own, because it needs LLVM and nothing that
runs does.  An option without a value leaves the product out; the runner then interprets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from pants.backend.python.util_rules.pex import PexRequest, VenvPex, VenvPexProcess
from pants.engine.addresses import Address
from pants.engine.fs import EMPTY_DIGEST, Digest
from pants.engine.process import ProcessResult
from pants.engine.rules import Get, collect_rules, rule
from pants.util.logging import LogLevel

from nexus_os.first_party import (
    NexusOs,
    Program,
    ProgramAddress,
    ProgramAddressRequest,
    ProgramRequest,
)

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


@rule
async def find_native_code_builders(
    request: NativeCodeRequest, nexus_os: NexusOs
) -> NativeCodeBuilders:
    if not nexus_os.native_module:
        return NativeCodeBuilders(())
    found = await Get(
        ProgramAddress, ProgramAddressRequest(nexus_os.native_module, nexus_os.native_resolve)
    )
    return NativeCodeBuilders((found.address,))


@rule(desc="Compile the native interpreter", level=LogLevel.DEBUG)
async def build_native_code(request: NativeCodeRequest, nexus_os: NexusOs) -> NativeCode:
    if not nexus_os.native_module:
        return NativeCode(EMPTY_DIGEST, None)
    program = await Get(Program, ProgramRequest(nexus_os.native_module, nexus_os.native_resolve))
    tool = await Get(VenvPex, PexRequest, program.pex_request)
    result = await Get(
        ProcessResult,
        VenvPexProcess(
            tool,
            argv=("--out", FILE),
            input_digest=program.sources,
            extra_env=program.environment(),
            output_files=(FILE,),
            description="Compile the native interpreter of the emulator",
            level=LogLevel.DEBUG,
        ),
    )
    return NativeCode(result.output_digest, FILE)


def rules():
    return collect_rules()
