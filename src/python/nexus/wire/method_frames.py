"""A method's parameters as the frame of its service, and back; its results as the reply's frame.

The table of docs/spec/rpc.md, *Messages as frames*.  A gateway writes what a peer's parameters say,
be it sensible or not: what the service refuses it is to refuse in its own words.  `methods` is for
callers: it refuses such parameters before a call is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from struct import Struct as Layout
from typing import Any, Final, NamedTuple  # Any: fields of generated kinds, known when it runs.

from nexus.contract import services
from nexus.contract.message import Struct
from nexus.wire import bundle, log, packagefs, samgr, state
from nexus.wire.error import LocalProtocolError, Reason
from nexus.wire.methods import BY_NAME, Method

# The version of all of these frames: none has a nonce.
VERSION: Final = 1

_NONCE_VERSION: Final = 2
_NONCE_BYTES: Final = 8
_HEAD_BYTES: Final = 4

_U16: Final = Layout("<H")
_U32: Final = Layout("<I")
_U64: Final = Layout("<Q")
_PUT: Final = Layout("<HI")
_LIST: Final = Layout("<HH")
_READ: Final = Layout("<IIH")
_QUERY: Final = Layout("<QH")


class Spoken(NamedTuple):
    """A frame that is a call of a method.

    The reply is to have the nonce of the frame, if that had one.
    """

    method: Method
    params: Struct
    nonce: int | None = None


def _write_name(params: Any) -> bytes:
    name: bytes = params.name.encode()
    if len(name) > 0xFF:
        raise LocalProtocolError(Reason.OVERSIZED, f"a name of {len(name)} bytes")
    return bytes((len(name),)) + name


def _write_text(text: str) -> bytes:
    octets = text.encode()
    return _U16.pack(len(octets)) + octets


def _write_put(params: Any) -> bytes:
    key: bytes = params.key.encode()
    value: bytes = params.value
    return _PUT.pack(len(key), len(value)) + key + value


def _write_list(params: Any) -> bytes:
    prefix: bytes = params.prefix.encode()
    # Behind all else, and not there if it is empty.
    rest = _write_text(params.after) if params.after else b""
    return _LIST.pack(len(prefix), params.limit) + prefix + rest


def _write_txn_put(params: Any) -> bytes:
    return _U64.pack(params.txn) + _write_put(params)


def _write_nothing(_: Any) -> bytes:
    return b""


_Fields = tuple[Any, ...] | None


def _read_name(tail: bytes) -> _Fields:
    return (tail[1:].decode(),) if tail and tail[0] == len(tail) - 1 else None


def _read_text(tail: bytes) -> _Fields:
    if len(tail) < _U16.size or _U16.unpack_from(tail)[0] != len(tail) - _U16.size:
        return None
    return (tail[_U16.size :].decode(),)


def _read_put(tail: bytes) -> _Fields:
    if len(tail) < _PUT.size:
        return None
    key_len, value_len = _PUT.unpack_from(tail)
    if key_len + value_len != len(tail) - _PUT.size:
        return None
    end = _PUT.size + key_len
    return (tail[_PUT.size : end].decode(), tail[end:])


def _read_txn_put(tail: bytes) -> _Fields:
    found = _read_put(tail[_U64.size :])
    return None if found is None else (*_U64.unpack_from(tail), *found)


def _read_list(tail: bytes) -> _Fields:
    if len(tail) < _LIST.size:
        return None
    prefix_len, limit = _LIST.unpack_from(tail)
    end = _LIST.size + prefix_len
    prefix, rest = tail[_LIST.size : end], tail[end:]
    if len(prefix) != prefix_len:
        return None
    if not rest:
        return (prefix.decode(), limit, "")
    found = _read_text(rest)
    return (prefix.decode(), limit, *found) if found is not None and found[0] else None


def _read_fixed(layout: Layout) -> Callable[[bytes], _Fields]:
    return lambda tail: layout.unpack(tail) if len(tail) == layout.size else None


_Tail = tuple[Callable[[Any], bytes], Callable[[bytes], _Fields]]

_EMPTY: Final = Layout("")
_TEXT_PATH: Final[_Tail] = (lambda params: _write_text(params.path), _read_text)
_TEXT_KEY: Final[_Tail] = (lambda params: _write_text(params.key), _read_text)
_NOTHING: Final = (_write_nothing, _read_fixed(_EMPTY))

_TXN: Final[_Tail] = (lambda params: _U64.pack(params.txn), _read_fixed(_U64))

# The bytes behind the operation: how they are written from the parameters, and read.
_TAILS: Final[Mapping[tuple[str, str], _Tail]] = {
    ("samgrd", "resolve-status"): (_write_name, _read_name),
    ("bundlemgrd", "list"): _NOTHING,
    ("packagefsd", "stat"): _TEXT_PATH,
    ("packagefsd", "open"): _TEXT_PATH,
    ("packagefsd", "read"): (
        lambda params: _READ.pack(params.handle, params.offset, params.length),
        _read_fixed(_READ),
    ),
    ("packagefsd", "close"): (lambda params: _U32.pack(params.handle), _read_fixed(_U32)),
    ("statefsd", "put"): (_write_put, _read_put),
    ("statefsd", "get"): _TEXT_KEY,
    ("statefsd", "delete"): _TEXT_KEY,
    ("statefsd", "list"): (_write_list, _read_list),
    ("statefsd", "sync"): _NOTHING,
    ("statefsd", "txn-begin"): _NOTHING,
    ("statefsd", "txn-put"): (_write_txn_put, _read_txn_put),
    ("statefsd", "txn-commit"): _TXN,
    ("statefsd", "txn-abort"): _TXN,
    ("logd", "query"): (
        lambda params: _QUERY.pack(params.since_ns, params.max),
        _read_fixed(_QUERY),
    ),
    ("logd", "stats"): _NOTHING,
}

_MAGICS: Final = {row.number: row.magic for row in services.SERVICES}
_WITH_NONCE: Final = frozenset(
    row.number for row in services.SERVICES if row.version_max >= _NONCE_VERSION
)
_BY_OPCODE: Final = {(method.service, method.opcode): method for method in BY_NAME.values()}
_BY_NUMBER: Final = {(method.service, method.number): method for method in BY_NAME.values()}
_HEADS: Final = {
    (method.service, method.opcode): _MAGICS[method.service] + bytes((VERSION, method.opcode))
    for method in BY_NAME.values()
}


def method_of(service: int, number: int) -> Method | None:
    """Return the method of this ordinal; None if the service or the method is not known."""
    return _BY_NUMBER.get((service, number))


def request_frame(method: Method, params: Struct) -> bytes:
    """Return the frame that these parameters stand for.

    Raises:
        LocalProtocolError: OVERSIZED, for a name whose length has no room in the frame.
    """
    write, _ = _TAILS[method.service_name, method.name]
    return _HEADS[method.service, method.opcode] + write(params)


def read_request(service: int, frame: bytes) -> Spoken | None:
    """Return the call that a frame is; None if the contract has no word for just that frame."""
    if len(frame) < _HEAD_BYTES or frame[:2] != _MAGICS.get(service):
        return None
    method, version, at, nonce = _BY_OPCODE.get((service, frame[3])), frame[2], _HEAD_BYTES, None
    if version == _NONCE_VERSION and service in _WITH_NONCE:
        at += _NONCE_BYTES
        nonce = int.from_bytes(frame[_HEAD_BYTES:at], "little")
        version = VERSION
    if method is None or version != VERSION or len(frame) < at:
        return None
    if method.name == "stats":
        return None  # Its reply says more than its results.
    _, read = _TAILS[method.service_name, method.name]
    try:
        fields = read(frame[at:])
    except UnicodeDecodeError:
        return None
    return None if fields is None else Spoken(method, method.params(*fields), nonce)


def reply_frame(spoken: Spoken, results: Any) -> bytes:
    """Return the frame of a service that answers with these results.

    Raises:
        LocalProtocolError: no service answers so: an unknown status, or values beside a failure.
    """
    if results.status is None:
        raise LocalProtocolError(Reason.UNKNOWN_STATUS)
    method, nonce = spoken.method, spoken.nonce
    match method.service_name, method.name:
        case "samgrd", _:
            return samgr.SlotReply(samgr.Op.RESOLVE_STATUS, results.status).encode()
        case "bundlemgrd", _:
            return bundle.ListReply(results.status, results.count).encode()
        case "packagefsd", "stat":
            return packagefs.StatReply(results.status, results.size, results.kind).encode()
        case "packagefsd", "open":
            return packagefs.OpenReply(results.status, results.handle).encode()
        case "packagefsd", "read":
            return packagefs.ReadReply(results.status, results.bytes).encode()
        case "packagefsd", _:
            return packagefs.CloseReply(results.status).encode()
        case "statefsd", _:
            fields = {
                name: getattr(results, name)
                for name in ("value", "keys", "txn")
                if hasattr(results, name)
            }
            op = state.Op(method.opcode)
            return state.Reply(op, results.status, nonce=nonce, **fields).encode()
        case _:
            return _log_reply(results, nonce)


def _log_reply(results: Any, nonce: int | None) -> bytes:
    reply = log.Reply(
        log.Op.QUERY,
        results.status,
        nonce,
        total=results.total,
        dropped=results.dropped,
        records=tuple(results.records),
    )
    return reply.encode()
