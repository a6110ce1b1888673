"""A method's parameters as the frame of its service, and back.

The table of docs/spec/rpc.md, *Messages as frames*.  A gateway writes what a peer's parameters say,
be it sensible or not: what the service refuses it is to refuse in its own words.  `methods` is for
callers: it refuses such parameters before a call is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from struct import Struct as Layout
from typing import Any, Final, NamedTuple, TypeVar

from nexus.contract import log as log_contract
from nexus.contract import packagefs as package_contract
from nexus.contract import samgr as samgr_contract
from nexus.contract import services
from nexus.contract import state as state_contract
from nexus.contract.message_layout import Struct
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


def _write_name(params: samgr_contract.ResolveStatusParams) -> bytes:
    name = params.name.encode()
    if len(name) > 0xFF:
        raise LocalProtocolError(Reason.OVERSIZED, f"a name of {len(name)} bytes; at most 255")
    return bytes((len(name),)) + name


def _write_text(text: str) -> bytes:
    octets = text.encode()
    return _U16.pack(len(octets)) + octets


def _write_put(params: state_contract.PutParams | state_contract.TxnPutParams) -> bytes:
    key, value = params.key.encode(), params.value
    return _PUT.pack(len(key), len(value)) + key + value


def _write_list(params: state_contract.ListParams) -> bytes:
    prefix = params.prefix.encode()
    # Behind all else, and not there if it is empty.
    rest = _write_text(params.after) if params.after else b""
    return _LIST.pack(len(prefix), params.limit) + prefix + rest


def _write_txn_put(params: state_contract.TxnPutParams) -> bytes:
    return _U64.pack(params.txn) + _write_put(params)


def _write_nothing(_: Struct) -> bytes:
    return b""


_Fields = tuple[object, ...] | None


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


class _Tail(NamedTuple):
    """The bytes behind the operation: how they are written from the parameters, and read."""

    write: Callable[[Any], bytes]  # Any: `_tail` has held it to the method's parameters.
    read: Callable[[bytes], _Fields]


_Params = TypeVar("_Params", bound=Struct)


def _tail(
    _: type[_Params], write: Callable[[_Params], bytes], read: Callable[[bytes], _Fields]
) -> _Tail:
    return _Tail(write, read)


_NOTHING: Final = _Tail(_write_nothing, _read_fixed(Layout("")))

_TAILS: Final[Mapping[tuple[str, str], _Tail]] = {
    ("samgrd", "resolve-status"): _tail(
        samgr_contract.ResolveStatusParams, _write_name, _read_name
    ),
    ("bundlemgrd", "list"): _NOTHING,
    ("packagefsd", "stat"): _tail(
        package_contract.StatParams, lambda params: _write_text(params.path), _read_text
    ),
    ("packagefsd", "open"): _tail(
        package_contract.OpenParams, lambda params: _write_text(params.path), _read_text
    ),
    ("packagefsd", "read"): _tail(
        package_contract.ReadParams,
        lambda params: _READ.pack(params.handle, params.offset, params.length),
        _read_fixed(_READ),
    ),
    ("packagefsd", "close"): _tail(
        package_contract.CloseParams,
        lambda params: _U32.pack(params.handle),
        _read_fixed(_U32),
    ),
    ("statefsd", "put"): _tail(state_contract.PutParams, _write_put, _read_put),
    ("statefsd", "get"): _tail(
        state_contract.GetParams, lambda params: _write_text(params.key), _read_text
    ),
    ("statefsd", "delete"): _tail(
        state_contract.DeleteParams, lambda params: _write_text(params.key), _read_text
    ),
    ("statefsd", "list"): _tail(state_contract.ListParams, _write_list, _read_list),
    ("statefsd", "sync"): _NOTHING,
    ("statefsd", "txn-begin"): _NOTHING,
    ("statefsd", "txn-put"): _tail(state_contract.TxnPutParams, _write_txn_put, _read_txn_put),
    ("statefsd", "txn-commit"): _tail(
        state_contract.TxnCommitParams, lambda params: _U64.pack(params.txn), _read_fixed(_U64)
    ),
    ("statefsd", "txn-abort"): _tail(
        state_contract.TxnAbortParams, lambda params: _U64.pack(params.txn), _read_fixed(_U64)
    ),
    ("logd", "query"): _tail(
        log_contract.QueryParams,
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
