"""Methods of the contract as frames: the one place where the two encodings of a call meet.

A service of a node speaks frames.  What a caller says as a method's parameters is its request's
frame here, and the reply's frame is the method's results: for a caller that has only frames to
send, and for the gateway that was sent a message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final  # Any: fields of generated kinds, known when it runs.

from nexus.contract import bundle as bundle_contract
from nexus.contract import log as log_contract
from nexus.contract import packagefs as package_contract
from nexus.contract import samgr as samgr_contract
from nexus.contract import services
from nexus.contract import state as state_contract
from nexus.contract.message import Struct
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
    params: type[Any]
    results: type[Any]
    request: Callable[[Any], bytes]
    read_reply: Callable[[bytes], Any]


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


def _package_reply(frame: bytes) -> Any:
    """A reply as its results, whichever it is; one that failed may be bare."""
    reply = packagefs.decode_reply(frame)
    if isinstance(reply, packagefs.StatReply):
        return package_contract.StatResults(reply.status, reply.size, reply.kind)
    if isinstance(reply, packagefs.OpenReply):
        return package_contract.OpenResults(reply.status, reply.handle)
    if isinstance(reply, packagefs.ReadReply):
        return package_contract.ReadResults(reply.status, reply.data)
    if isinstance(reply, packagefs.CloseReply):
        return package_contract.CloseResults(reply.status)
    results = {
        packagefs.Op.STAT: package_contract.StatResults,
        packagefs.Op.OPEN: package_contract.OpenResults,
        packagefs.Op.READ: package_contract.ReadResults,
        packagefs.Op.CLOSE: package_contract.CloseResults,
    }
    return results[packagefs.Op(reply.op)](reply.status)


def _state_request(op: state.Op) -> Callable[[Any], bytes]:
    def request(params: Any) -> bytes:
        fields = {
            name: getattr(params, name)
            for name in ("txn", "key", "value", "limit")
            if hasattr(params, name)
        }
        if op is state.Op.LIST:
            fields["key"] = params.prefix
            fields["after"] = params.after
        return state.Request(op, **fields).encode()

    return request


def _state_reply(op: state.Op, results: type[Any]) -> Callable[[bytes], Any]:
    def read(frame: bytes) -> Any:
        reply = state.decode_reply(frame)
        _require(reply.op is op, op.name.lower())
        found = {
            name: getattr(reply, name)
            for name in ("value", "keys", "txn")
            if name in results.__dataclass_fields__
        }
        return results(status=reply.status, **found)

    return read


def _queried(frame: bytes) -> log_contract.QueryResults:
    reply = log.decode_reply(frame)
    _require(reply.op is log.Op.QUERY, "query")
    return log_contract.QueryResults(reply.status, reply.total, reply.dropped, reply.records)


def _counted(frame: bytes) -> log_contract.StatsResults:
    reply = log.decode_reply(frame)
    _require(reply.op is log.Op.STATS, "stats")
    return log_contract.StatsResults(reply.status, reply.total, reply.dropped)


_Row = tuple[type[Any], type[Any], Callable[[Any], bytes], Callable[[bytes], Any]]

# By the names of service and operation that a configuration has.
_ROWS: Final[Mapping[tuple[str, str], _Row]] = {
    ("samgrd", "resolve-status"): (
        samgr_contract.ResolveStatusParams,
        samgr_contract.ResolveStatusResults,
        _resolve,
        _resolved,
    ),
    ("bundlemgrd", "list"): (
        bundle_contract.ListParams,
        bundle_contract.ListResults,
        lambda _: bundle.Request(bundle.Op.LIST).encode(),
        _listed_bundles,
    ),
    ("packagefsd", "stat"): (
        package_contract.StatParams,
        package_contract.StatResults,
        lambda params: packagefs.PathRequest(packagefs.Op.STAT, params.path).encode(),
        _package_reply,
    ),
    ("packagefsd", "open"): (
        package_contract.OpenParams,
        package_contract.OpenResults,
        lambda params: packagefs.PathRequest(packagefs.Op.OPEN, params.path).encode(),
        _package_reply,
    ),
    ("packagefsd", "read"): (
        package_contract.ReadParams,
        package_contract.ReadResults,
        lambda p: packagefs.ReadRequest(p.handle, p.offset, p.length).encode(),
        _package_reply,
    ),
    ("packagefsd", "close"): (
        package_contract.CloseParams,
        package_contract.CloseResults,
        lambda params: packagefs.CloseRequest(params.handle).encode(),
        _package_reply,
    ),
    **{
        ("statefsd", op.name.lower().replace("_", "-")): (
            params,
            results,
            _state_request(op),
            _state_reply(op, results),
        )
        for op, params, results in (
            (state.Op.PUT, state_contract.PutParams, state_contract.PutResults),
            (state.Op.GET, state_contract.GetParams, state_contract.GetResults),
            (state.Op.DELETE, state_contract.DeleteParams, state_contract.DeleteResults),
            (state.Op.LIST, state_contract.ListParams, state_contract.ListResults),
            (state.Op.SYNC, state_contract.SyncParams, state_contract.SyncResults),
            (state.Op.TXN_BEGIN, state_contract.TxnBeginParams, state_contract.TxnBeginResults),
            (state.Op.TXN_PUT, state_contract.TxnPutParams, state_contract.TxnPutResults),
            (state.Op.TXN_COMMIT, state_contract.TxnCommitParams, state_contract.TxnCommitResults),
            (state.Op.TXN_ABORT, state_contract.TxnAbortParams, state_contract.TxnAbortResults),
        )
    },
    ("logd", "query"): (
        log_contract.QueryParams,
        log_contract.QueryResults,
        lambda params: log.Query(params.since_ns, params.max).encode(),
        _queried,
    ),
    ("logd", "stats"): (
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
