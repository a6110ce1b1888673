"""One line for each process of a run: what it was, whence its result came, what it read.

Pure.  Values of variables are there as digests only: one of them may be a secret.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Mapping, Optional  # Any: work units are JSON, as Pants has it.


def line_of(workunit: Mapping[str, Any]) -> Optional[str]:
    """The line of a work unit; nothing if it is not a process that ended."""
    metadata = workunit.get("metadata") or {}
    definition = metadata.get("definition")
    if workunit.get("name") != "process" or definition is None or "source" not in metadata:
        return None
    process = json.loads(definition)
    entry = {
        "description": process["description"],
        "source": metadata["source"],
        "exit_code": metadata.get("exit_code"),
        "elapsed_ms": metadata.get("total_elapsed_ms", 0),
        "saved_ms": metadata.get("saved_by_cache_ms", 0),
        "argv": process["argv"],
        "env": {name: digest_of(value) for name, value in sorted(process["env"].items())},
        "inputs": digest_text(process["input_digests"]["complete"]["digest"]),
        "outputs": [*process["output_files"], *process["output_directories"]],
        "platform": process["execution_environment"]["platform"],
    }
    return json.dumps(entry) + "\n"


def digest_text(digest: Mapping[str, Any]) -> str:
    """A digest as `HASH/SIZE`."""
    return f"{digest['fingerprint']}/{digest['size_bytes']}"


def digest_of(value: str) -> str:
    """The digest that stands for a value."""
    return hashlib.sha256(value.encode()).hexdigest()[:16]
