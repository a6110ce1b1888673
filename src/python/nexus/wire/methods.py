"""Methods of the contract as frames: the one place where the two encodings of a call meet.

A service of a node speaks frames.  What a caller says as a method's parameters is its request's
frame here, and the reply's frame is the method's results: for a caller that has only frames to
send, and for the gateway that was sent a message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar

from nexus.contract import bundle as bundle_contract
from nexus.contract import log as log_contract
from nexus.contract import packagefs as package_contract
from nexus.contract import samgr as samgr_contract
from nexus.contract import services
from nexus.contract import state as state_contract
from nexus.contract.message_layout import Struct
from nexus.wire import bundle, log, packagefs, samgr, state
from nexus.wire.error import Reason, RemoteProtocolError


@dataclass(frozen=True, slots=True)
class Method:
    """One method: where it is, what it takes and gives, and both as frames.

    `number` is its ordinal in the interface, `opcode` its operation's number in frames.
    """

    service: int
    service_name: str
    number: int
    name: str
    opcode: int
    params: type[Any]  # Any: made of fields by callers that know them when they run.
    results: type[Any]  # Any: likewise.
    request: Callable[[Any], bytes]  # Any: each method has parameters of its own kind.
    read_reply: Callable[[bytes], Struct]


def _not_of(name: str) -> RemoteProtocolError:
    return RemoteProtocolError(Reason.UNSUPPORTED_OPERATION, f"not the answer to {name}")


def _require(is_so: bool, name: str) -> None:
    if not is_so:
        raise _not_of(name)


def _resolve(params: samgr_contract.ResolveStatusParams) -> bytes:
    return samgr.Request(samgr.Op.RESOLVE_STATUS, params.name).encode()


def _resolved(frame: bytes) -> samgr_contract.ResolveStatusResults:
    reply = samgr.decode_reply(frame)
    _require(reply.op is samgr.Op.RESOLVE_STATUS, "resolve-status")
    return samgr_contract.ResolveStatusResults(reply.status)


def _listed_bundles(frame: bytes) -> bundle_contract.ListResults:
    reply = bundle.decode_reply(frame)
    if not isinstance(reply, bundle.ListReply):
        raise _not_of("list")
    return bundle_contract.ListResults(reply.status, reply.count)


def _package_reply(frame: bytes) -> Struct:
    """A reply as its results, whichever it is; one that failed may be bare."""
    reply = packagefs.decode_reply(frame)
    match reply:
        case packagefs.StatReply():
            return package_contract.StatResults(reply.status, reply.size, reply.kind)
        case packagefs.OpenReply():
            return package_contract.OpenResults(reply.status, reply.handle)
        case packagefs.ReadReply():
            return package_contract.ReadResults(reply.status, reply.data)
        case packagefs.CloseReply():
            return package_contract.CloseResults(reply.status)
        case packagefs.Failure():
            return _FAILED[packagefs.Op(reply.op)](reply.status)


_FAILED: Final[Mapping[packagefs.Op, Callable[[packagefs.Status], Struct]]] = {
    packagefs.Op.STAT: package_contract.StatResults,
    packagefs.Op.OPEN: package_contract.OpenResults,
    packagefs.Op.READ: package_contract.ReadResults,
    packagefs.Op.CLOSE: package_contract.CloseResults,
}


def _state_reply(
    op: state.Op, results: Callable[[state.Reply], Struct]
) -> Callable[[bytes], Struct]:
    def read(frame: bytes) -> Struct:
        reply = state.decode_reply(frame)
        _require(reply.op is op, op.name.lower())
        return results(reply)

    return read


def _queried(frame: bytes) -> log_contract.QueryResults:
    reply = log.decode_reply(frame)
    _require(reply.op is log.Op.QUERY, "query")
    return log_contract.QueryResults(reply.status, reply.total, reply.dropped, reply.records)


def _counted(frame: bytes) -> log_contract.StatsResults:
    reply = log.decode_reply(frame)
    _require(reply.op is log.Op.STATS, "stats")
    return log_contract.StatsResults(reply.status, reply.total, reply.dropped)


class _Row(NamedTuple):
    """The parts of a method that its service's page does not have."""

    params: type[Struct]
    results: type[Struct]
    request: Callable[[Any], bytes]  # Any: `_row` has held it to `params`.
    read_reply: Callable[[bytes], Struct]


_Params = TypeVar("_Params", bound=Struct)


def _row(
    params: type[_Params],
    results: type[Struct],
    request: Callable[[_Params], bytes],
    read_reply: Callable[[bytes], Struct],
) -> _Row:
    """Join a method's parts; the writer takes parameters of the method's own kind."""
    return _Row(params, results, request, read_reply)


# By the names of service and operation that a configuration has.
_ROWS: Final[Mapping[tuple[str, str], _Row]] = {
    ("samgrd", "resolve-status"): _row(
        samgr_contract.ResolveStatusParams,
        samgr_contract.ResolveStatusResults,
        _resolve,
        _resolved,
    ),
    ("bundlemgrd", "list"): _row(
        bundle_contract.ListParams,
        bundle_contract.ListResults,
        lambda _: bundle.Request(bundle.Op.LIST).encode(),
        _listed_bundles,
    ),
    ("packagefsd", "stat"): _row(
        package_contract.StatParams,
        package_contract.StatResults,
        lambda params: packagefs.PathRequest(packagefs.Op.STAT, params.path).encode(),
        _package_reply,
    ),
    ("packagefsd", "open"): _row(
        package_contract.OpenParams,
        package_contract.OpenResults,
        lambda params: packagefs.PathRequest(packagefs.Op.OPEN, params.path).encode(),
        _package_reply,
    ),
    ("packagefsd", "read"): _row(
        package_contract.ReadParams,
        package_contract.ReadResults,
        lambda p: packagefs.ReadRequest(p.handle, p.offset, p.length).encode(),
        _package_reply,
    ),
    ("packagefsd", "close"): _row(
        package_contract.CloseParams,
        package_contract.CloseResults,
        lambda params: packagefs.CloseRequest(params.handle).encode(),
        _package_reply,
    ),
    ("statefsd", "put"): _row(
        state_contract.PutParams,
        state_contract.PutResults,
        lambda p: state.Request(state.Op.PUT, p.key, p.value).encode(),
        _state_reply(state.Op.PUT, lambda reply: state_contract.PutResults(reply.status)),
    ),
    ("statefsd", "get"): _row(
        state_contract.GetParams,
        state_contract.GetResults,
        lambda params: state.Request(state.Op.GET, params.key).encode(),
        _state_reply(
            state.Op.GET, lambda reply: state_contract.GetResults(reply.status, reply.value)
        ),
    ),
    ("statefsd", "delete"): _row(
        state_contract.DeleteParams,
        state_contract.DeleteResults,
        lambda params: state.Request(state.Op.DELETE, params.key).encode(),
        _state_reply(state.Op.DELETE, lambda reply: state_contract.DeleteResults(reply.status)),
    ),
    ("statefsd", "list"): _row(
        state_contract.ListParams,
        state_contract.ListResults,
        lambda p: state.Request(state.Op.LIST, p.prefix, limit=p.limit, after=p.after).encode(),
        _state_reply(
            state.Op.LIST, lambda reply: state_contract.ListResults(reply.status, reply.keys)
        ),
    ),
    ("statefsd", "sync"): _row(
        state_contract.SyncParams,
        state_contract.SyncResults,
        lambda _: state.Request(state.Op.SYNC).encode(),
        _state_reply(state.Op.SYNC, lambda reply: state_contract.SyncResults(reply.status)),
    ),
    ("statefsd", "txn-begin"): _row(
        state_contract.TxnBeginParams,
        state_contract.TxnBeginResults,
        lambda _: state.Request(state.Op.TXN_BEGIN).encode(),
        _state_reply(
            state.Op.TXN_BEGIN,
            lambda reply: state_contract.TxnBeginResults(reply.status, reply.txn),
        ),
    ),
    ("statefsd", "txn-put"): _row(
        state_contract.TxnPutParams,
        state_contract.TxnPutResults,
        lambda p: state.Request(state.Op.TXN_PUT, p.key, p.value, txn=p.txn).encode(),
        _state_reply(state.Op.TXN_PUT, lambda reply: state_contract.TxnPutResults(reply.status)),
    ),
    ("statefsd", "txn-commit"): _row(
        state_contract.TxnCommitParams,
        state_contract.TxnCommitResults,
        lambda params: state.Request(state.Op.TXN_COMMIT, txn=params.txn).encode(),
        _state_reply(
            state.Op.TXN_COMMIT, lambda reply: state_contract.TxnCommitResults(reply.status)
        ),
    ),
    ("statefsd", "txn-abort"): _row(
        state_contract.TxnAbortParams,
        state_contract.TxnAbortResults,
        lambda params: state.Request(state.Op.TXN_ABORT, txn=params.txn).encode(),
        _state_reply(
            state.Op.TXN_ABORT, lambda reply: state_contract.TxnAbortResults(reply.status)
        ),
    ),
    ("logd", "query"): _row(
        log_contract.QueryParams,
        log_contract.QueryResults,
        lambda params: log.Query(params.since_ns, params.max).encode(),
        _queried,
    ),
    ("logd", "stats"): _row(
        log_contract.StatsParams,
        log_contract.StatsResults,
        lambda _: log.Stats().encode(),
        _counted,
    ),
}

METHODS: Final[tuple[Method, ...]] = tuple(
    Method(row.number, row.name, number, name, opcode, *_ROWS[row.name, name])
    for row in services.SERVICES
    for number, (name, opcode) in enumerate(row.operations)
)

BY_NAME: Final[Mapping[tuple[str, str], Method]] = {
    (method.service_name, method.name): method for method in METHODS
}


def read_results(method: Method, frame: bytes) -> Struct:
    """Read the reply of a service as the results of the method that was called.

    Raises:
        RemoteProtocolError: it is not a reply of that method.
    """
    results = method.read_reply(frame)
    if not isinstance(results, method.results):
        raise _not_of(method.name)
    found: Struct = results
    return found
