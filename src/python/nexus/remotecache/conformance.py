"""Differences between a server of the Remote Execution API and ours, asked from outside.

    ./pants run ci:remote_cache_proof -- --address grpcs://HOST:PORT --token FILE

Needs nothing but an address: no case kills, fills or reconfigures anything.  Each case is what
Pants 2.17.1 or a worker relies on.  It writes a few MB of blobs and a dozen results,
under names that no build asks for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

import grpc  # pants: no-infer-dep; it comes with BuildGrid
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as messages
from buildgrid._protos.google.bytestream import bytestream_pb2, bytestream_pb2_grpc

from nexus.remotecache.asking import REFUSALS, Asked, NotAskedError, Row, code_of, expect, play
from nexus.remotecache.digest import digest_of
from nexus.remotecache.settings import EXECUTION_PROPERTIES

# A message of gRPC holds 4 MiB: what is larger goes by streams.
LARGE_BYTES: Final = 5 * 1024 * 1024
CHUNK_BYTES: Final = 1024 * 1024

# As many lookups as Pants may have under way at once.
LOOKUPS: Final = 128

# An execution that is not taken up in this time has no worker.
EXECUTE_SECONDS: Final = 60.0


def sha256_is_offered(asked: Asked) -> None:
    """Pants names blobs by SHA-256, and writes results."""
    with asked.client() as client:
        cache = client.describe().cache_capabilities
    expect("SHA256", messages.DigestFunction.SHA256 in cache.digest_functions, True)
    expect("results may be written", cache.action_cache_update_capabilities.update_enabled, True)


def blobs_are_kept(asked: Asked) -> None:
    """A written blob is not missing any more, and is read back; the empty blob is always there."""
    blob = asked.blob("a blob")
    with asked.client() as client:
        expect("missing before", client.missing(digest_of(blob)), [digest_of(blob).hash])
        expect("codes", client.put(blob), [0])
        expect("missing after", client.missing(digest_of(blob)), [])
        expect("read back", client.get(digest_of(blob)), blob)
        expect("the empty blob is missing", client.missing(digest_of(b"")), [])


def large_blobs_go_by_streams(asked: Asked) -> None:
    """More than a message holds."""
    blob = (asked.blob("large").ljust(64, b".") * (LARGE_BYTES // 64))[:LARGE_BYTES]
    digest = digest_of(blob)
    name = f"{digest.hash}/{digest.size_bytes}"
    prefix = f"{asked.instance}/" if asked.instance else ""
    with asked.client() as client:
        streams = bytestream_pb2_grpc.ByteStreamStub(client.channel)
        upload = f"{prefix}uploads/00000000-0000-4000-8000-{asked.salt[:12]}/blobs/{name}"
        requests = [
            bytestream_pb2.WriteRequest(
                resource_name=upload,
                write_offset=start,
                data=blob[start : start + CHUNK_BYTES],
                finish_write=start + CHUNK_BYTES >= len(blob),
            )
            for start in range(0, len(blob), CHUNK_BYTES)
        ]
        written = streams.Write(iter(requests), **client.how())
        expect("written", written.committed_size, len(blob))
        read = bytestream_pb2.ReadRequest(resource_name=f"{prefix}blobs/{name}")
        seen = b"".join(chunk.data for chunk in streams.Read(read, **client.how()))
        expect("read back", digest_of(seen).hash, digest.hash)


def a_blob_of_another_name_is_refused(asked: Asked) -> None:
    """A blob that is not what its name says would poison what others build."""
    with asked.client() as client:
        request = messages.BatchUpdateBlobsRequest(
            instance_name=client.instance,
            requests=[
                messages.BatchUpdateBlobsRequest.Request(
                    digest=digest_of(asked.blob("true")), data=asked.blob("fake")
                )
            ],
        )
        try:
            codes = [r.status.code for r in client.blobs.BatchUpdateBlobs(
                request, **client.how()
            ).responses]  # fmt: skip
        except grpc.RpcError:
            return
        expect("taken", any(code == 0 for code in codes), False)


def results_are_kept(asked: Asked) -> None:
    """A result that is written is found; one that is not is `NOT_FOUND`."""
    output = asked.blob("an output")
    with asked.client() as client:
        action = client.put_action(["/bin/true", asked.salt], is_cached=True)
        expect("found before", client.result(action) is not None, False)
        client.put(output)
        result = messages.ActionResult()
        result.output_files.add(path="out", digest=digest_of(output))
        client.write_result(action, result)
        found = client.result(action)
        expect("found after", found is not None, True)
        assert found is not None, "it was just compared"
        expect("its output", found.output_files[0].digest.hash, digest_of(output).hash)


def a_result_without_its_blobs_is_a_miss(asked: Asked) -> None:
    """Otherwise a build fails when it fetches what is not there."""
    with asked.client() as client:
        action = client.put_action(["/bin/true", asked.salt, "gone"], is_cached=True)
        result = messages.ActionResult()
        result.output_files.add(path="out", digest=digest_of(asked.blob("never written")))
        with contextlib.suppress(grpc.RpcError):
            client.write_result(action, result)
        expect("found", client.result(action) is not None, False)


def a_result_with_a_folder_is_found(asked: Asked) -> None:
    """Pants uploads the `Tree` alone, and not each directory in it."""
    file = asked.blob("in a folder")
    inner = messages.Directory(files=[messages.FileNode(name="f", digest=digest_of(file))])
    root = messages.Directory(
        directories=[messages.DirectoryNode(name="d", digest=digest_of(inner.SerializeToString()))]
    )
    tree = messages.Tree(root=root, children=[inner]).SerializeToString()
    with asked.client() as client:
        action = client.put_action(["/bin/true", asked.salt, "folder"], is_cached=True)
        client.put(file, tree)
        result = messages.ActionResult()
        result.output_directories.add(path="dist", tree_digest=digest_of(tree))
        client.write_result(action, result)
        expect("found", client.result(action) is not None, True)


def many_lookups_at_once(asked: Asked) -> None:
    """Pants has up to 128 under way; each that is refused is a miss."""
    unknown = digest_of(asked.blob("unknown"))
    with asked.client() as client, ThreadPoolExecutor(LOOKUPS) as pool:
        codes = list(pool.map(lambda _: code_of(lambda: client.result(unknown)), range(LOOKUPS)))
    expect("refused", sorted({code for code in codes if code != "OK"}), [])


def a_wrong_instance_is_refused(asked: Asked) -> None:
    """A misspelt setting must be noticed."""
    with asked.client(instance="no-such-instance") as client:
        code = code_of(lambda: client.result(digest_of(b"x")))
    expect("let in", code in ("OK", "NOT_FOUND"), False)


def who_has_no_token_is_refused(asked: Asked) -> None:
    """A writer of results decides what all others build."""
    if asked.remote.token is None:
        raise NotAskedError("no --token was given")
    with asked.client(replace(asked.remote, token=None)) as client:
        expect("let in", code_of(lambda: client.result(digest_of(b"x"))) in REFUSALS, True)


def a_forged_token_is_refused(asked: Asked) -> None:
    """The last character of a token is changed."""
    if asked.remote.token is None:
        raise NotAskedError("no --token was given")
    token = asked.remote.token.read_text(encoding="ascii").strip()
    forged = token[:-4] + token[-4:].translate(str.maketrans("abcdAB", "bcdaBA")) + "x"
    with asked.client(replace(asked.remote, token=None)) as client:
        how = {"metadata": [("authorization", f"Bearer {forged}")], "timeout": 60.0}
        request = messages.GetActionResultRequest(
            instance_name=client.instance, action_digest=digest_of(b"x")
        )
        code = code_of(lambda: client.results.GetActionResult(request, **how))
    expect("let in", code in REFUSALS, True)


def executes(asked: Asked) -> bool:
    """Whether the server says that it executes."""
    with asked.client() as client:
        return bool(client.describe().execution_capabilities.exec_enabled)


def run(asked: Asked, script: str, *, is_old_form: bool) -> tuple[str, int, bytes | None]:
    """Execute a script that writes `out`: status, exit code, and what it wrote."""
    if not executes(asked):
        raise NotAskedError("the server does not execute")
    with asked.client() as client:
        action = client.put_action(
            ["/bin/sh", "-c", script], ["out"], is_cached=True, is_old_form=is_old_form
        )
        done = client.execute(action, seconds=EXECUTE_SECONDS)
        out = client.get(done.outputs["out"]) if "out" in done.outputs else None
    return done.status, done.exit_code, out


def outputs_by_path_come_back(asked: Asked) -> None:
    """As clients since version 2.1 of the protocol name outputs."""
    seen = run(asked, f"echo {asked.salt} > out", is_old_form=False)
    expect("result", seen, ("OK", 0, f"{asked.salt}\n".encode()))


def outputs_by_file_come_back(asked: Asked) -> None:
    """As Pants 2.17.1 names outputs."""
    seen = run(asked, f"echo {asked.salt} files > out", is_old_form=True)
    expect("result", seen, ("OK", 0, f"{asked.salt} files\n".encode()))


def the_chroot_is_replaced(asked: Asked) -> None:
    """Pants leaves `{chroot}` in commands."""
    script = f"cd {{chroot}} && echo {asked.salt} chroot > out"
    expect("result", run(asked, script, is_old_form=True)[:2], ("OK", 0))


def a_failure_is_not_a_result(asked: Asked) -> None:
    """A process that failed must run again."""
    if not executes(asked):
        raise NotAskedError("the server does not execute")
    with asked.client() as client:
        action = client.put_action(["/bin/sh", "-c", f"exit 3; # {asked.salt}"], is_cached=True)
        expect("exit code", client.execute(action, seconds=EXECUTE_SECONDS).exit_code, 3)
        again = client.execute(action, skip_lookup=False, seconds=EXECUTE_SECONDS)
        expect("found again", again.cached, False)


def a_worker_is_found_by_its_system(asked: Asked) -> None:
    """The property that clients of several systems send."""
    if not executes(asked):
        raise NotAskedError("the server does not execute")
    with asked.client() as client:
        properties = (("OSFamily", "Linux"), *EXECUTION_PROPERTIES)
        action = client.put_action(["/bin/true", asked.salt], properties=properties)
        done = client.execute(action, seconds=EXECUTE_SECONDS)
    expect("result", (done.status, done.exit_code), ("OK", 0))


def an_unknown_property_is_refused(asked: Asked) -> None:
    """A request that no worker can match must not wait for ever."""
    if not executes(asked):
        raise NotAskedError("the server does not execute")
    with asked.client() as client:
        action = client.put_action(["/bin/true"], properties=[("no-such-property", "x")])
        code = code_of(lambda: client.execute(action, seconds=EXECUTE_SECONDS))
    expect("code", code, "FAILED_PRECONDITION")


CASES: Final[tuple[Callable[[Asked], None], ...]] = (
    sha256_is_offered,
    blobs_are_kept,
    large_blobs_go_by_streams,
    a_blob_of_another_name_is_refused,
    results_are_kept,
    a_result_without_its_blobs_is_a_miss,
    a_result_with_a_folder_is_found,
    many_lookups_at_once,
    a_wrong_instance_is_refused,
    who_has_no_token_is_refused,
    a_forged_token_is_refused,
    outputs_by_path_come_back,
    outputs_by_file_come_back,
    the_chroot_is_replaced,
    a_failure_is_not_a_result,
    a_worker_is_found_by_its_system,
    an_unknown_property_is_refused,
)


def ask(asked: Asked) -> list[Row]:
    """Play every case."""
    return [play(case, asked) for case in CASES]
