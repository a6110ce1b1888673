"""Python tests see neither the network nor the home folder, unless they say that they must.

Pants gives a plugin no way to wrap pytest, but lets it lay files into the sandbox.  So pytest finds
a plugin of its own there, installed like any other, by which it seals itself before it looks for
tests: while there is one thread, and before any conftest.py runs.
"""

from __future__ import annotations

import os.path
from dataclasses import dataclass

from pants.backend.python.goals.pytest_runner import PytestPluginSetup, PytestPluginSetupRequest
from pants.backend.python.target_types import PythonTestsGeneratorTarget, PythonTestTarget
from pants.engine.env_vars import EnvironmentVars, EnvironmentVarsRequest
from pants.engine.fs import CreateDigest, Digest, FileContent
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.target import StringSequenceField, Target
from pants.engine.unions import UnionRule
from pants.source.source_root import SourceRoot, SourceRootRequest
from pants.util.strutil import help_text

from nexus_os.sealing import seal
from nexus_os.sealing.process_sealing import Seal, checked_parts, program_text

# Pytest recognizes an installed plugin by this folder beside its module.
INSTALLED = "nexus_seal-1.dist-info"

PLUGIN = """\
import os

import nexus_seal
import pytest

os.environ.update({environment!r})
try:
    nexus_seal.seal({parts!r})
except nexus_seal.RefusedError as refused:
    pytest.exit(f"NOT HERMETIC: this test run could not be sealed: {{refused}}", returncode=21)
"""


TOOLS = "tools"

# The things that a test may ask to see.
ACCESS = (*seal.PARTS, TOOLS)


class HostAccessField(StringSequenceField):
    alias = "host_access"
    default = ()
    help = help_text(
        """
        Parts of the machine that these tests may see, although all others may not. `network` and
        `home` are hidden by `[nexus-os].hide`; `tools`, the programs on the PATH, by
        `[pex].executable_search_paths`.

        Loopback always works. A test that sees more than its inputs may pass here and fail there,
        so say in a comment why it must.
        """
    )


@dataclass(frozen=True)
class SealPytestRequest(PytestPluginSetupRequest):
    target: Target

    @classmethod
    def is_applicable(cls, target: Target) -> bool:
        return True


@rule
async def seal_pytest(request: SealPytestRequest, found: Seal) -> PytestPluginSetup:
    address = request.target.address
    allowed = checked_parts(
        f"The `host_access` field of {address}",
        request.target.get(HostAccessField).value or (),
        ACCESS,
    )
    parts = tuple(part for part in found.parts if part not in allowed)
    wanted = ["PATH"] if TOOLS in allowed else []
    environment = await Get(EnvironmentVars, EnvironmentVarsRequest(wanted))
    if not parts and not wanted:
        return PytestPluginSetup()
    # Pants puts the source roots on the path of pytest, and nothing else that a plugin knows of.
    root = await Get(SourceRoot, SourceRootRequest, SourceRootRequest.for_target(request.target))
    contents = {
        "nexus_seal.py": program_text(),
        "nexus_seal_pytest.py": PLUGIN.format(parts=parts, environment=dict(environment)).encode(),
        f"{INSTALLED}/METADATA": b"Metadata-Version: 2.1\nName: nexus-seal\nVersion: 1\n",
        f"{INSTALLED}/entry_points.txt": b"[pytest11]\nnexus_seal = nexus_seal_pytest\n",
    }
    files = [
        FileContent(os.path.normpath(os.path.join(root.path, name)), content)
        for name, content in contents.items()
    ]
    return PytestPluginSetup(await Get(Digest, CreateDigest(files)))


def rules():
    return [
        *collect_rules(),
        PythonTestTarget.register_plugin_field(HostAccessField),
        PythonTestsGeneratorTarget.register_plugin_field(HostAccessField),
        UnionRule(PytestPluginSetupRequest, SealPytestRequest),
    ]
