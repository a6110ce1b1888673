"""BuildGrid, with one thing added: results that hold folders can be found again in the store.

A result names a folder by its `Tree`, one message that holds every `Directory` in it, and Pants
2.17.1 uploads that and nothing else.  The store answers for a result only if each `Directory` is
there as a blob of its own too, so a result with a folder, such as a PEX, would be written and never
served.  Here the directories are put into the store when the result is.
"""

from __future__ import annotations

import hashlib
import sys
from typing import Final

from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as messages
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2_grpc as calls
from buildgrid.server.actioncache.caches.remote_cache import RemoteActionCache
from buildgrid.server.app import cli

# A message of gRPC is 4 MiB at most, and each call must hold some more than the tree.  A result
# with a larger tree is stored as it came, which makes it a miss: slow, and right.
TREE_BYTES_MAX: Final = 3 * 1024 * 1024

store_result = RemoteActionCache.update_action_result


def store_result_and_directories(
    cache: RemoteActionCache, action: messages.Digest, result: messages.ActionResult
) -> None:
    """Take the place of `RemoteActionCache.update_action_result`."""
    storage = calls.ContentAddressableStorageStub(cache._channel)
    instance = cache.remote_instance_name
    for folder in result.output_directories:
        if folder.tree_digest.size_bytes > TREE_BYTES_MAX:
            continue
        wanted = messages.BatchReadBlobsRequest(
            instance_name=instance, digests=[folder.tree_digest]
        )
        found = storage.BatchReadBlobs(wanted).responses[0]
        if found.status.code:
            continue  # The store will not answer for this result, and is right.
        storage.BatchUpdateBlobs(
            messages.BatchUpdateBlobsRequest(
                instance_name=instance, requests=directories_of(found.data)
            )
        )
    store_result(cache, action, result)


def directories_of(tree_bytes: bytes) -> list[messages.BatchUpdateBlobsRequest.Request]:
    """Every directory of a tree, the root included, as a blob to upload."""
    tree = messages.Tree.FromString(tree_bytes)
    requests = []
    for directory in (tree.root, *tree.children):
        data = directory.SerializeToString(deterministic=True)
        digest = messages.Digest(hash=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
        requests.append(messages.BatchUpdateBlobsRequest.Request(digest=digest, data=data))
    return requests


def main() -> None:
    """Be `bgd`, with the arguments of this process."""
    RemoteActionCache.update_action_result = store_result_and_directories
    sys.argv[0] = "bgd"
    cli()


if __name__ == "__main__":
    main()
