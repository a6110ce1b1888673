"""A package of one file, which one process makes."""

from __future__ import annotations

import os.path

from pants.core.goals.package import BuiltPackage, BuiltPackageArtifact
from pants.engine.fs import AddPrefix, Digest
from pants.engine.process import Process, ProcessResult
from pants.engine.rules import Get


async def package_file(process: Process, path: str) -> BuiltPackage:
    """Run a process for the file it leaves in its working directory, and put that at `path`.

    Rules await this; it has Gets and is not a rule.
    """
    result = await Get(ProcessResult, Process, process)
    digest = await Get(Digest, AddPrefix(result.output_digest, os.path.dirname(path)))
    return BuiltPackage(digest, (BuiltPackageArtifact(path),))
