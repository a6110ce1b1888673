"""BuildGrid, with two things added: what it takes can be found again, or is refused.

A result names a folder by its `Tree`, one message that holds every `Directory` in it, and Pants
2.17.1 uploads that and nothing else.  The store answers for a result only if each `Directory` is
there as a blob of its own too, so a result with a folder, such as a PEX, would be written and never
served.  Here the directories are put into the store when the result is.

BuildGrid 0.4.4 does not look at what the store says of each blob, so a store on a full disk would
seem to take everything.  Here each result is asked for when it has been written: the store answers
only if it has the result and all that this names.

If the store executes too, so does the front, by `nexus.remotecache.execution`.
"""

from __future__ import annotations

import hashlib
import sys
from typing import Final

import grpc  # pants: no-infer-dep; it comes with BuildGrid
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as messages
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2_grpc as calls
from buildgrid.server.actioncache.caches.remote_cache import RemoteActionCache
from buildgrid.server.app import cli
from buildgrid.server.exceptions import NotFoundError, ResourceExhaustedError
from buildgrid.server.server import Server

from nexus.remotecache.execution import ForwardedExecution
from nexus.remotecache.settings import INSTANCE

# A message of gRPC is 4 MiB at most, and each call must hold some more than the tree.  A result
# with a larger tree is refused, which makes it a miss: slow, and right.
TREE_BYTES_MAX: Final = 3 * 1024 * 1024

store_result = RemoteActionCache.update_action_result
set_up_services = Server.setup_grpc


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
            continue  # The store will not answer for this result, and that is noticed below.
        storage.BatchUpdateBlobs(
            messages.BatchUpdateBlobsRequest(
                instance_name=instance, requests=directories_of(found.data)
            )
        )
    store_result(cache, action, result)
    try:
        cache.get_action_result(action)
    except NotFoundError as exc:
        raise ResourceExhaustedError("the store did not keep all of the result") from exc


def directories_of(tree_bytes: bytes) -> list[messages.BatchUpdateBlobsRequest.Request]:
    """Every directory of a tree, the root included, as a blob to upload."""
    tree = messages.Tree.FromString(tree_bytes)
    requests = []
    for directory in (tree.root, *tree.children):
        data = directory.SerializeToString(deterministic=True)
        digest = messages.Digest(hash=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
        requests.append(messages.BatchUpdateBlobsRequest.Request(digest=digest, data=data))
    return requests


def set_up_execution(server: Server, store: str, search_path: str) -> grpc.Server:
    """Take the place of `Server.setup_grpc`: one more service, under BuildGrid's own checks."""
    execution = ForwardedExecution(store, INSTANCE, search_path)
    server._execution_service.add_instance(INSTANCE, execution)
    server._capabilities_service.instances[INSTANCE].add_execution_instance(execution)
    return set_up_services(server)


def main(executing: tuple[str, str] | None) -> None:
    """Be `bgd`, with the arguments of this process.

    Given the store's address, and the PATH of its machine, execute there.
    """
    RemoteActionCache.update_action_result = store_result_and_directories
    if executing is not None:
        Server.setup_grpc = lambda server: set_up_execution(server, *executing)
    sys.argv[0] = "bgd"
    cli()
