"""The zig module that a target's `module` field names: which it is, and that it is depended on."""

from __future__ import annotations

from dataclasses import dataclass

from pants.engine.rules import Get, collect_rules, rule
from pants.engine.target import (
    FieldSet,
    InferDependenciesRequest,
    InferredDependencies,
)
from pants.engine.unions import UnionRule

from nexus_os.references.field_targets import FieldTarget, TargetReference
from nexus_os.targets.zig import (
    ZigModule,
    ZigModuleAddressDependenciesField,
    ZigModuleAddressField,
)


@dataclass(frozen=True)
class NamedZigModule:
    module: ZigModule


@rule
async def find_named_module(field: ZigModuleAddressField) -> NamedZigModule:
    found = await Get(
        FieldTarget,
        TargetReference(field.address, field.alias, field.value or "", (ZigModule,)),
    )
    assert isinstance(found.target, ZigModule), f"{found.target} is not a module"
    return NamedZigModule(found.target)


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
