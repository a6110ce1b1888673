"""Schemas become modules of both languages, by names that imports find."""

from __future__ import annotations

from typing import Dict, List, Tuple

import pytest  # pants: no-infer-dep
from pants.backend.python.dependency_inference.module_mapper import FirstPartyPythonMappingImpl
from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.target_types import PythonSourcesGeneratorTarget
from pants.core.util_rules import source_files
from pants.engine.addresses import Address
from pants.engine.target import InferredDependencies
from pants.testutil.rule_runner import QueryRule, RuleRunner

from nexus_os.references import field_targets, file_owners
from nexus_os.schemas import capnp_imports
from nexus_os.schemas.capnp_code import zig_root
from nexus_os.schemas.capnp_imports import (
    CapnpImportsFieldSet,
    CapnpPythonMapping,
    InferCapnpImports,
    imports_of,
    module_names,
)
from nexus_os.targets.capnp import CapnpPython, CapnpSchema


@pytest.fixture
def rule_runner() -> RuleRunner:
    runner = RuleRunner(
        target_types=[CapnpPython, CapnpSchema, PythonSourcesGeneratorTarget],
        rules=[
            capnp_imports.map_generated_modules,
            capnp_imports.infer_capnp_imports,
            *PythonSetup.rules(),
            *field_targets.rules(),
            *file_owners.rules(),
            *source_files.rules(),
            QueryRule(FirstPartyPythonMappingImpl, [CapnpPythonMapping]),
            QueryRule(InferredDependencies, [InferCapnpImports]),
        ],
    )
    runner.set_options([], env_inherit={"PATH", "PYENV_ROOT", "HOME"})
    return runner


def modules(rule_runner: RuleRunner) -> Dict[str, Tuple[str, ...]]:
    found = rule_runner.request(FirstPartyPythonMappingImpl, [CapnpPythonMapping()])
    return {
        name: tuple(provider.addr.spec for provider in providers)
        for mapping in found.values()
        for name, providers in mapping.items()
    }


def test_a_schema_with_a_package_owns_its_modules(rule_runner: RuleRunner) -> None:
    rule_runner.write_files(
        {
            "schemas/BUILD": "capnp_schema(name='contract', python_package='example.contract')",
            "schemas/annotations.capnp": "",
            "schemas/orders.capnp": "",
        }
    )

    found = modules(rule_runner)

    assert found["example.contract"] == ("schemas:contract",)
    assert found["example.contract.orders"] == ("schemas:contract",)
    assert found["example.contract.message"] == ("schemas:contract",)
    assert "example.contract.annotations" not in found


def test_a_package_elsewhere_is_that_targets(rule_runner: RuleRunner) -> None:
    rule_runner.write_files(
        {
            "schemas/BUILD": "capnp_schema(name='contract')",
            "schemas/orders.capnp": "",
            "lib/BUILD": "capnp_python(name='x', schema='//schemas:contract', package='a.b')",
        }
    )

    assert modules(rule_runner)["a.b.orders"] == ("lib:x",)


def test_a_schema_without_a_package_owns_none(rule_runner: RuleRunner) -> None:
    rule_runner.write_files({"s/BUILD": "capnp_schema()", "s/orders.capnp": ""})

    assert modules(rule_runner) == {}


def test_an_imported_schema_of_another_target_is_depended_on(rule_runner: RuleRunner) -> None:
    rule_runner.write_files(
        {
            "a/BUILD": "capnp_schema()",
            "a/one.capnp": 'using B = import "../b/two.capnp";\nusing import "/b/three.capnp".X;\n',
            "b/BUILD": "capnp_schema()",
            "b/two.capnp": "",
            "b/three.capnp": "",
        }
    )
    target = rule_runner.get_target(Address("a"))

    found = rule_runner.request(
        InferredDependencies, [InferCapnpImports(CapnpImportsFieldSet.create(target))]
    )

    assert set(found.include) == {Address("b")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('using A = import "a.capnp";', ["s/a.capnp"]),
        ('using import "/x/a.capnp".T;', ["x/a.capnp"]),
        ('# import "a.capnp"', []),
        ('const important :Text = "a";', []),
        ('using A = import "../t/a.capnp";', ["t/a.capnp"]),
    ],
)
def test_imports_are_paths_from_the_root(text: str, expected: List[str]) -> None:
    assert imports_of("s/x.capnp", text) == expected


def test_names_follow_from_files() -> None:
    found = module_names("p", ("s/annotations.capnp", "s/a.capnp"))
    assert found[:2] == ["p", "p.a"]


def test_the_zig_module_is_a_folder_of_the_targets_name() -> None:
    assert zig_root(CapnpSchema({}, Address("s", target_name="contract"))) == (
        "s/contract/root.zig"
    )
