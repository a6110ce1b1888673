"""`fmt` for zig sources; `lint` runs it too, and complains instead of changing files."""

from __future__ import annotations

from dataclasses import dataclass

from pants.core.goals.fmt import FmtResult, FmtTargetsRequest
from pants.core.util_rules.partitions import PartitionerType
from pants.engine.process import Process, ProcessResult
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.target import FieldSet
from pants.util.logging import LogLevel

from nexus_os.targets.zig import ZigSourcesField
from nexus_os.zig.zig_tool import ZigFormat, ZigProcess


@dataclass(frozen=True)
class ZigFormatFieldSet(FieldSet):
    required_fields = (ZigSourcesField,)

    sources: ZigSourcesField


class ZigFormatRequest(FmtTargetsRequest):
    field_set_type = ZigFormatFieldSet
    tool_subsystem = ZigFormat
    partitioner_type = PartitionerType.DEFAULT_SINGLE_PARTITION


@rule(desc="Format with zig fmt", level=LogLevel.DEBUG)
async def zig_format(request: ZigFormatRequest.Batch) -> FmtResult:
    # A target may own linker scripts and assembly too; those are passed through untouched.
    sources = tuple(name for name in request.snapshot.files if name.endswith(".zig"))
    if not sources:
        return FmtResult(request.snapshot, request.snapshot, "", "", ZigFormatRequest.tool_name)
    process = await Get(
        Process,
        ZigProcess(
            argv=("fmt", *sources),
            inputs=request.snapshot.digest,
            output_files=request.snapshot.files,
            description=f"Run `zig fmt` on {len(sources)} files",
        ),
    )
    result = await Get(ProcessResult, Process, process)
    return await FmtResult.create(request, result, strip_chroot_path=True)


def rules():
    return [*collect_rules(), *ZigFormatRequest.rules()]
