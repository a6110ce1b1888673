"""The zig module that a target's `module` field names: which it is, and that it is depended on."""

from __future__ import annotations

from dataclasses import dataclass

from pants.engine.addresses import UnparsedAddressInputs
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.target import (
    FieldSet,
    InferDependenciesRequest,
    InferredDependencies,
    InvalidFieldException,
    Targets,
)
from pants.engine.unions import UnionRule

from nexus_os.addresses import refer
from nexus_os.zig_targets import (
    ZigModule,
    ZigModuleAddressDependenciesField,
    ZigModuleAddressField,
)


@dataclass(frozen=True)
class NamedZigModule:
    module: ZigModule


@rule
async def find_named_module(field: ZigModuleAddressField) -> NamedZigModule:
    targets = await Get(
        Targets, UnparsedAddressInputs, refer(field.address, field.alias, field.value or "")
    )
    module = targets[0] if len(targets) == 1 else None
    if not isinstance(module, ZigModule):
        raise InvalidFieldException(
            f"The `module` field of {field.address} is {field.value!r}, which is not a "
            "`zig_module`. Accepted is the address of one."
        )
    return NamedZigModule(module)


@dataclass(frozen=True)
class NamedModuleFieldSet(FieldSet):
    required_fields = (ZigModuleAddressDependenciesField, ZigModuleAddressField)

    module: ZigModuleAddressField


class InferNamedModule(InferDependenciesRequest):
    infer_from = NamedModuleFieldSet


@rule
async def infer_named_module(request: InferNamedModule) -> InferredDependencies:
    named = await Get(NamedZigModule, ZigModuleAddressField, request.field_set.module)
    return InferredDependencies([named.module.address])


def rules():
    return [*collect_rules(), UnionRule(InferDependenciesRequest, InferNamedModule)]
