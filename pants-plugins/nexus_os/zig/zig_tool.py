"""The zig compiler, from a wheel whose hash is in a lockfile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from pants.backend.python.subsystems.python_tool_base import PythonToolBase
from pants.backend.python.target_types import EntryPoint
from pants.backend.python.util_rules import pex
from pants.backend.python.util_rules.pex import PexRequest, VenvPex, VenvPexProcess
from pants.engine.fs import Digest
from pants.engine.process import Process, ProcessCacheScope
from pants.engine.rules import Get, collect_rules, rule
from pants.option.option_types import SkipOption
from pants.option.subsystem import Subsystem
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from nexus_os.sealing.process_sealing import Seal

# The compiler keeps what it has built of its own runtime here; contents are keyed by content, so
# sharing them between sandboxes changes the time of a build and nothing else.
GLOBAL_CACHE = ".zig-global-cache"


class Zig(PythonToolBase):
    options_scope = "zig"
    name = "zig"
    help = "The zig compiler; `[zig].install_from_resolve` names its lock."

    default_version = "ziglang"
    default_main = EntryPoint("ziglang")
    default_requirements = [default_version]
    register_interpreter_constraints = True
    default_interpreter_constraints = ["CPython>=3.11,<3.15"]
    # Demanded by the base class.  There is no such file: `install_from_resolve` is always set.
    default_lockfile_resource = ("nexus_os", "none.lock")


class ZigFormat(Subsystem):
    options_scope = "zig-fmt"
    name = "zig fmt"
    help = "The formatter of zig; it comes with the compiler, see `[zig]`."

    skip = SkipOption("fmt", "lint")


@dataclass(frozen=True)
class ZigProcess:
    """One call of the compiler in a sandbox."""

    argv: Tuple[str, ...]
    inputs: Digest
    description: str
    output_files: Tuple[str, ...] = ()
    timeout_seconds: Optional[int] = None
    cache_scope: ProcessCacheScope = ProcessCacheScope.SUCCESSFUL


@rule(desc="Prepare zig", level=LogLevel.DEBUG)
async def prepare_zig(request: ZigProcess, zig: Zig, seal: Seal) -> Process:
    tool = await Get(VenvPex, PexRequest, zig.to_pex_request())
    process = await Get(
        Process,
        VenvPexProcess(
            tool,
            argv=request.argv,
            input_digest=request.inputs,
            extra_env=FrozenDict(
                {
                    "ZIG_GLOBAL_CACHE_DIR": GLOBAL_CACHE,
                    "ZIG_LOCAL_CACHE_DIR": ".zig-local-cache",
                }
            ),
            append_only_caches={"zig_global": GLOBAL_CACHE},
            output_files=request.output_files,
            timeout_seconds=request.timeout_seconds,
            cache_scope=request.cache_scope,
            description=request.description,
            level=LogLevel.DEBUG,
        ),
    )
    return seal.around(process)


def rules():
    return [*collect_rules(), *pex.rules()]
