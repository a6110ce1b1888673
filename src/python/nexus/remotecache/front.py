"""BuildGrid, with a gate, measures and an audit, and with what it takes made sure of.

A result names a folder by its `Tree`, one message that holds every `Directory` in it, and Pants
2.17.1 uploads that and nothing else.  The store answers for a result only if each `Directory` is
there as a blob of its own too, so a result with a folder, such as a PEX, would be written and never
served.  Here the directories are put into the store when the result is.

BuildGrid 0.4.4 does not look at what the store says of each blob, so a store on a full disk would
seem to take everything.  Here each result is asked for when it has been written: the store answers
only if it has the result and all that this names.
"""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final  # Any: gRPC and BuildGrid publish no types.

from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as messages
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2_grpc as calls
from buildgrid.server.actioncache.caches.remote_cache import RemoteActionCache
from buildgrid.server.app import cli
from buildgrid.server.app.commands import cmd_server
from buildgrid.server.auth.manager import set_auth_manager
from buildgrid.server.exceptions import NotFoundError, ResourceExhaustedError
from buildgrid.server.monitoring import set_monitoring_bus
from buildgrid.server.server import Server

from nexus.remotecache import (
    database,
    execution,
    front_settings,
    health,
    metrics,
    outages,
    queueing,
)
from nexus.remotecache.access import Register
from nexus.remotecache.audit import Audit
from nexus.remotecache.authorization import Gate
from nexus.remotecache.processes import SHOWN

# A message of gRPC is 4 MiB at most, and each call must hold some more than the tree.  A result
# with a larger tree is refused, which makes it a miss: slow, and right.
TREE_BYTES_MAX: Final = 3 * 1024 * 1024

store_result = RemoteActionCache.update_action_result
create_server = cmd_server._create_server_from_config


class Writer:
    """Writes results: with their directories, made sure of, and with a line in the audit."""

    def __init__(self, audit: Audit, count: Callable[[str], None]) -> None:
        self.audit = audit
        self.count = count

    def write(
        self, cache: RemoteActionCache, action: messages.Digest, result: messages.ActionResult
    ) -> None:
        """Take the place of `RemoteActionCache.update_action_result`.

        A process that failed has no result: it must run again.
        """
        if result.exit_code:
            return
        outcome = "failed"
        try:
            write_result(cache, action, result)
            outcome = "written"
        except ResourceExhaustedError:
            outcome = "not kept"
            raise
        finally:
            self.count(outcome)
            blob = result.SerializeToString(deterministic=True)
            self.audit.result(
                f"{action.hash}/{action.size_bytes}",
                f"{hashlib.sha256(blob).hexdigest()}/{len(blob)}",
                outcome,
            )


def write_result(
    cache: RemoteActionCache, action: messages.Digest, result: messages.ActionResult
) -> None:
    """Write the directories of a result, then the result, and ask whether it is there."""
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


def gated_server(settings: front_settings.Front, configuration: dict[str, Any]) -> Server:
    """Take the place of `_create_server_from_config`: BuildGrid's server, behind our gate."""
    measured = metrics.Metrics()
    audit = Audit(Path(settings.audit))
    RemoteActionCache.update_action_result = _as_method(
        Writer(audit, lambda outcome: measured.results.labels(outcome=outcome).inc())
    )
    server = create_server(configuration)
    server._is_instrumented = True
    metrics.keep_fresh(server)
    set_monitoring_bus(measured)
    secret = Path(settings.token_secret).read_text(encoding="ascii")
    register = Register(Path(settings.register))
    set_auth_manager(
        Gate(register, secret, audit, lambda call: measured.refusals.labels(method=call).inc())
    )
    looked_at = health.Health(
        Path(settings.store_socket),
        Path(settings.disk),
        Path(settings.certificate),
        outages.OUTAGE.complaint,
    )
    threading.Thread(target=health.watch, args=(looked_at, say), daemon=True).start()
    if settings.metrics_port:
        health.serve(measured, looked_at, settings.metrics_address, settings.metrics_port)
    return server


def say(text: str) -> None:
    """Print a line that the server shows as well."""
    print(f"{SHOWN}{text}", flush=True)


def _as_method(writer: Writer) -> Callable[..., None]:
    def update_action_result(
        cache: RemoteActionCache, action: messages.Digest, result: messages.ActionResult
    ) -> None:
        writer.write(cache, action, result)

    return update_action_result


def main(path: str) -> None:
    """Be `bgd`, with the arguments of this process, and with our settings in a file."""
    settings = front_settings.parse(Path(path).read_text(encoding="utf-8"))
    if settings.database:
        database.install()
        queueing.install()
        execution.install({**settings.network, "PATH": settings.search_path})
    cmd_server._create_server_from_config = lambda raw: gated_server(settings, raw)
    sys.argv[0] = "bgd"
    cli()
