"""Every method of the contract as frames, and back: what the codecs write of the same values."""

from __future__ import annotations

import pytest

from nexus.contract import bundle as bundle_contract
from nexus.contract import log as log_contract
from nexus.contract import packagefs as package_contract
from nexus.contract import samgr as samgr_contract
from nexus.contract import services
from nexus.contract import state as state_contract
from nexus.wire import bundle, log, packagefs, samgr, state
from nexus.wire.error import LocalProtocolError, RemoteProtocolError
from nexus.wire.method_frames import Spoken
from nexus.wire.method_replies import reply_frame
from nexus.wire.methods import BY_NAME, METHODS, read_results

RECORD = (1, 2, log.Level.WARN, 3, "s", "m", "f")

# Names, parameters, the request's frame; the reply's frame, results.
ROWS: list[tuple[str, str, object, bytes, bytes, object]] = [
    (
        "samgrd",
        "resolve-status",
        samgr_contract.ResolveStatusParams("logd"),
        samgr.Request(samgr.Op.RESOLVE_STATUS, "logd").encode(),
        samgr.SlotReply(samgr.Op.RESOLVE_STATUS, samgr.Status.NOT_FOUND).encode(),
        samgr_contract.ResolveStatusResults(samgr.Status.NOT_FOUND),
    ),
    (
        "bundlemgrd",
        "list",
        bundle_contract.ListParams(),
        bundle.Request(bundle.Op.LIST).encode(),
        bundle.ListReply(bundle.Status.OK, 7).encode(),
        bundle_contract.ListResults(bundle.Status.OK, 7),
    ),
    (
        "packagefsd",
        "stat",
        package_contract.StatParams("pkg:/a/b"),
        packagefs.PathRequest(packagefs.Op.STAT, "pkg:/a/b").encode(),
        packagefs.StatReply(packagefs.Status.OK, 19, packagefs.Kind.FOLDER).encode(),
        package_contract.StatResults(packagefs.Status.OK, 19, packagefs.Kind.FOLDER),
    ),
    (
        "packagefsd",
        "open",
        package_contract.OpenParams("pkg:/a/b"),
        packagefs.PathRequest(packagefs.Op.OPEN, "pkg:/a/b").encode(),
        packagefs.Failure(packagefs.Op.OPEN, packagefs.Status.PATH_TRAVERSAL).encode(),
        package_contract.OpenResults(packagefs.Status.PATH_TRAVERSAL),
    ),
    (
        "packagefsd",
        "read",
        package_contract.ReadParams(1, 2, 3),
        packagefs.ReadRequest(1, 2, 3).encode(),
        packagefs.ReadReply(packagefs.Status.OK, b"abc").encode(),
        package_contract.ReadResults(packagefs.Status.OK, b"abc"),
    ),
    (
        "packagefsd",
        "close",
        package_contract.CloseParams(9),
        packagefs.CloseRequest(9).encode(),
        packagefs.CloseReply(packagefs.Status.BADF).encode(),
        package_contract.CloseResults(packagefs.Status.BADF),
    ),
    (
        "statefsd",
        "put",
        state_contract.PutParams("/state/shared/a", b"v"),
        state.Request(state.Op.PUT, "/state/shared/a", b"v").encode(),
        state.Reply(state.Op.PUT, state.Status.OVER_SHARE).encode(),
        state_contract.PutResults(state.Status.OVER_SHARE),
    ),
    (
        "statefsd",
        "get",
        state_contract.GetParams("/state/shared/a"),
        state.Request(state.Op.GET, "/state/shared/a").encode(),
        state.Reply(state.Op.GET, state.Status.OK, b"v").encode(),
        state_contract.GetResults(state.Status.OK, b"v"),
    ),
    (
        "statefsd",
        "delete",
        state_contract.DeleteParams("/state/shared/a"),
        state.Request(state.Op.DELETE, "/state/shared/a").encode(),
        state.Reply(state.Op.DELETE, state.Status.NOT_FOUND).encode(),
        state_contract.DeleteResults(state.Status.NOT_FOUND),
    ),
    (
        "statefsd",
        "list",
        state_contract.ListParams("/state/shared/", 16),
        state.Request(state.Op.LIST, "/state/shared/", limit=16).encode(),
        state.Reply(state.Op.LIST, state.Status.OK, keys=("/state/shared/a",)).encode(),
        state_contract.ListResults(state.Status.OK, ("/state/shared/a",)),
    ),
    (
        "statefsd",
        "sync",
        state_contract.SyncParams(),
        state.Request(state.Op.SYNC).encode(),
        state.Reply(state.Op.SYNC, state.Status.OK).encode(),
        state_contract.SyncResults(state.Status.OK),
    ),
    (
        "statefsd",
        "txn-begin",
        state_contract.TxnBeginParams(),
        state.Request(state.Op.TXN_BEGIN).encode(),
        state.Reply(state.Op.TXN_BEGIN, state.Status.OK, txn=7).encode(),
        state_contract.TxnBeginResults(state.Status.OK, 7),
    ),
    (
        "statefsd",
        "txn-put",
        state_contract.TxnPutParams(7, "/state/shared/a", b"v"),
        state.Request(state.Op.TXN_PUT, "/state/shared/a", b"v", txn=7).encode(),
        state.Reply(state.Op.TXN_PUT, state.Status.TXN_LIMIT).encode(),
        state_contract.TxnPutResults(state.Status.TXN_LIMIT),
    ),
    (
        "statefsd",
        "txn-commit",
        state_contract.TxnCommitParams(7),
        state.Request(state.Op.TXN_COMMIT, txn=7).encode(),
        state.Reply(state.Op.TXN_COMMIT, state.Status.OK).encode(),
        state_contract.TxnCommitResults(state.Status.OK),
    ),
    (
        "statefsd",
        "txn-abort",
        state_contract.TxnAbortParams(7),
        state.Request(state.Op.TXN_ABORT, txn=7).encode(),
        state.Reply(state.Op.TXN_ABORT, state.Status.NOT_FOUND).encode(),
        state_contract.TxnAbortResults(state.Status.NOT_FOUND),
    ),
    (
        "logd",
        "query",
        log_contract.QueryParams(5, 2),
        log.Query(5, 2).encode(),
        log.Reply(
            log.Op.QUERY, log.Status.OK, total=9, dropped=1, records=(log.Record(*RECORD),)
        ).encode(),
        log_contract.QueryResults(log.Status.OK, 9, 1, (log_contract.Record(*RECORD),)),
    ),
    (
        "logd",
        "stats",
        log_contract.StatsParams(),
        log.Stats().encode(),
        log.Reply(log.Op.STATS, log.Status.OK, total=9, dropped=1).encode(),
        log_contract.StatsResults(log.Status.OK, 9, 1),
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}.{row[1]}")
def test_a_method_is_its_frames(row: tuple[str, str, object, bytes, bytes, object]) -> None:
    service, name, params, request, reply, results = row
    method = BY_NAME[service, name]
    assert method.request(params) == request
    assert request[3] == method.opcode
    assert read_results(method, reply) == results


def test_every_method_has_a_row_here_and_its_number() -> None:
    assert [(row[0], row[1]) for row in ROWS] == [(m.service_name, m.name) for m in METHODS]
    for row in services.SERVICES:
        ours = [(m.name, m.opcode) for m in METHODS if m.service == row.number]
        assert tuple(ours) == row.operations


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}.{row[1]}")
def test_the_answer_to_another_method_is_none(
    row: tuple[str, str, object, bytes, bytes, object],
) -> None:
    for other in [other for other in ROWS if other[:2] != row[:2]]:
        with pytest.raises(RemoteProtocolError):
            read_results(BY_NAME[row[0], row[1]], other[4])
    with pytest.raises(RemoteProtocolError):
        read_results(BY_NAME[row[0], row[1]], row[4][:-1])


def test_what_no_frame_can_say_is_not_asked() -> None:
    with pytest.raises(LocalProtocolError):
        BY_NAME["packagefsd", "stat"].request(package_contract.StatParams("p" * 193))


def test_results_that_say_less_than_their_frame_have_none() -> None:
    spoken = Spoken(BY_NAME["logd", "stats"], log_contract.StatsParams())
    with pytest.raises(LocalProtocolError, match="stats"):
        reply_frame(spoken, log_contract.StatsResults(log.Status.OK, 9, 1))
