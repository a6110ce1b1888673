"""Servers that die, hang, or run out of space, each in a case of its own with its own servers."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import grpc  # pants: no-infer-dep; it comes with BuildGrid
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as messages
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2_grpc as calls

from nexus.remotecache import report, server, settings
from nexus.remotecache.digest import digest_of
from nexus.remotecache.proof_project import (
    NAMES,
    PROCESSES,
    STEPS,
    blob_of,
    output_of_step,
)
from nexus.remotecache.proof_stage import (
    NOTICED,
    NotTriedError,
    Stage,
    expect,
    expect_counters,
    expect_ran_here,
    expect_report,
    wait_until,
)

# The quota of a store that is to fill up, and the bytes written until it has made room.
SMALL_QUOTA: Final = "2M"
FILLER_BYTES: Final = 100_000
FILLERS_MAX: Final = 200

# Patience with a server that hangs; whether it is there is known from the first process.
HUNG_TIMEOUT_MILLIS: Final = "2000"

# A disk of its own for the store, in a name space that ends with it.
OWN_DISK: Final = """
mount -t tmpfs -o size=8m,mode=700 none "$1" || exit 9
shift
exec "$@"
"""
DISK_BYTES: Final = 8 * 1024 * 1024

# Long enough for a machine with other work; a try takes milliseconds.
TRY_SECONDS_MAX: Final = 60


def killed_half_way(stage: Stage) -> None:
    """Both servers die when the first process has been written."""
    broke_half_way(stage, signal.SIGKILL)


def hung_half_way(stage: Stage) -> None:
    """Both servers stop answering, and keep what connections they have."""
    broke_half_way(stage, signal.SIGSTOP)


def broke_half_way(stage: Stage, signal_number: signal.Signals) -> None:
    """The first step is written, then both servers get a signal, then the rest runs."""
    with stage.cache() as cache:
        results = cache.folder / "store" / "actioncache" / "objects"

        def send(pants: subprocess.Popen[bytes], log: Path) -> None:
            wait_until(
                lambda: any(path.is_file() for path in results.rglob("*")), pants, "a result"
            )
            for process in (cache.front, cache.store):
                os.kill(process.pid, signal_number)
            stage.release("step2", "step3")
            # The test asks when the steps have ended, and gets no answer.
            wait_until(lambda: NOTICED in log.read_text(errors="replace"), pants, NOTICED)
            stage.release("test")

        environment = stage.environment(cache)
        environment["PANTS_REMOTE_CACHE_RPC_TIMEOUT_MILLIS"] = HUNG_TIMEOUT_MILLIS
        run = stage.run(environment, held=NAMES[1:], meanwhile=send)
        # They would not end by themselves if they hang.
        for process in (cache.front, cache.store):
            process.kill()
    expect("processes found", run.stats["requests_cached"], 0)
    if run.stats["write_successes"] > 1:
        raise AssertionError("more was written than the one process before the servers broke")
    expect_report(run, report.NOT_SERVED)


def full_disk(stage: Stage) -> None:
    """No room: writes fail and are counted, and with room it heals by itself."""
    store = stage.cache_folder / "store"
    store.mkdir(parents=True, mode=0o700)
    own_disk = ("unshare", "-rm", "/bin/sh", "-c", OWN_DISK, "own-disk", str(store))
    tried = subprocess.run(
        [*own_disk, "true"], check=False, capture_output=True, timeout=TRY_SECONDS_MAX
    )
    if tried.returncode:
        said = tried.stderr.decode(errors="replace").strip()
        raise NotTriedError(f"no disk of one's own: {said}")
    # The store keeps 2 GB free unless told, which is more than this disk has.
    with stage.cache(store_prefix=own_disk, store_reserved=0) as cache:
        filler = Path(f"/proc/{cache.store.pid}/root{store}/filler")
        fill(filler)
        refused = stage.run(stage.environment(cache))
        expect_counters(
            refused, requests_cached=0, write_errors=PROCESSES, write_successes=0, read_errors=0
        )
        expect_report(refused, report.NOT_SERVED)
        filler.unlink()
        with storage_of(cache) as storage:
            # The store looks at the room there is from time to time.
            wait_until(lambda: put(storage, b"room?") == 0, cache.store, "a write")
        written = stage.run(stage.environment(cache))
        expect_ran_here(written, PROCESSES, written=PROCESSES)


def fill(filler: Path) -> None:
    """Take all the room there is."""
    with filler.open("wb", buffering=0) as file:
        try:
            while file.tell() <= DISK_BYTES:
                file.write(bytes(4096))
        except OSError as exc:
            expect("the error of a full disk", exc.errno, errno.ENOSPC)
            return
    raise AssertionError("the disk is larger than it was made")


def evicted_by_quota(stage: Stage) -> None:
    """The store makes room for what is new: clean misses, and they are written again."""
    with stage.cache(quota=SMALL_QUOTA) as cache:
        environment = stage.environment(cache)
        expect_ran_here(stage.run(environment), PROCESSES, written=PROCESSES)
        blobs = [
            blob_of(cache.objects, output_of_step(number, stage.salt))
            for number in range(1, STEPS + 1)
        ]
        with storage_of(cache) as storage:
            for number in range(FILLERS_MAX):
                if not any(blob.exists() for blob in blobs):
                    break
                filler = number.to_bytes(2, "big") * (FILLER_BYTES // 2)
                expect("code of a write", put(storage, filler), 0)
        expect("blobs that are still there", [blob for blob in blobs if blob.exists()], [])
        again = stage.run(environment)
        # The test's result names no blob, so it may still be there, and its answer may come first.
        counters = again.stats
        if counters["requests_cached"] > PROCESSES - STEPS:
            raise AssertionError("found what was evicted")
        expect_counters(again, read_errors=0, write_errors=0)
        expect_report(again, report.SERVED)
        expect("blobs that are back", [blob for blob in blobs if not blob.exists()], [])


@contextlib.contextmanager
def storage_of(cache: server.CacheServer) -> Iterator[calls.ContentAddressableStorageStub]:
    """The store, behind the front."""
    with grpc.insecure_channel(f"unix:{cache.store_socket}") as channel:
        yield calls.ContentAddressableStorageStub(channel)


def put(storage: calls.ContentAddressableStorageStub, data: bytes) -> int:
    """Write a blob: the code, 0 if it was taken."""
    written = storage.BatchUpdateBlobs(
        messages.BatchUpdateBlobsRequest(
            instance_name=settings.INSTANCE,
            requests=[messages.BatchUpdateBlobsRequest.Request(digest=digest_of(data), data=data)],
        )
    )
    return int(written.responses[0].status.code)


CASES: Final[tuple[Callable[[Stage], None], ...]] = (
    killed_half_way,
    hung_half_way,
    full_disk,
    evicted_by_quota,
)
