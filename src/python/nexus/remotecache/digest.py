"""The name of a blob in a store."""

from __future__ import annotations

import hashlib

from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as messages


def digest_of(blob: bytes) -> messages.Digest:
    """Return the digest of a blob: its SHA-256 and its size."""
    return messages.Digest(hash=hashlib.sha256(blob).hexdigest(), size_bytes=len(blob))
