"""Remote state: what of a peer's `SF` frame may reach a store, and the record of a change.

The order of the checks is part of the contract (docs/spec/statefs.md), so that a refusal has one
reason:

    authenticated -> frame -> length of the key -> escape -> namespace -> leaf -> value or limit

Decided once, from the frame alone, before anything is done; a repeated frame has the same answer.
The guest's twin is src/guest/lib/dsoftbus/remote_state.zig.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from nexus.contract import audit
from nexus.contract import state as contract
from nexus.wire.log import Level
from nexus.wire.state import VALUE_BYTES_MAX as STORED_BYTES_MAX
from nexus.wire.state import Op, Request, RequestError, Status, decode_request, op_of

FRAME_BYTES_MAX: Final = contract.PEER_FRAME_BYTES_MAX
KEY_BYTES_MAX: Final = contract.PEER_KEY_BYTES_MAX
# In a frame; on a stream of its own a value may be as long as the store takes it.
VALUE_BYTES_MAX: Final = contract.PEER_VALUE_BYTES_MAX
TRANSFER_BYTES_MAX: Final = STORED_BYTES_MAX
LIST_MAX: Final = contract.PEER_LIST_MAX
REPLY_BYTES_MAX: Final = contract.PEER_REPLY_BYTES_MAX
NAMESPACE: Final = contract.PEER_NAMESPACE

_ESCAPES: Final = ("\0", "\\", "//", "/./", "/../")


# Why a frame is not let through.  The values are words of the record.
Reject = contract.Reject

# The answer to the peer, in five bytes of version 1.
STATUS: Final[Mapping[Reject, Status]] = {
    Reject.BAD_REQUEST: Status.MALFORMED,
    Reject.UNAUTHENTICATED: Status.ACCESS_DENIED,
    Reject.OUTSIDE_ACL: Status.ACCESS_DENIED,
    Reject.PREFIX_ESCAPE: Status.INVALID_KEY,
    Reject.OVERSIZED: Status.VALUE_TOO_LARGE,
}

_KEYED: Final = (Op.PUT, Op.GET, Op.DELETE, Op.LIST, Op.TXN_PUT)
_KEYLESS: Final = (Op.SYNC, Op.TXN_BEGIN, Op.TXN_COMMIT, Op.TXN_ABORT)
# The operations that go on with a session's transaction.
TRANSACTION_STEPS: Final = (Op.TXN_BEGIN, Op.TXN_PUT, Op.TXN_COMMIT, Op.TXN_ABORT)
_SETTING: Final = (Op.PUT, Op.TXN_PUT)
_VERBS: Final[Mapping[Op, str]] = {
    Op.PUT: contract.Verb.PUT.value,
    Op.DELETE: contract.Verb.DELETE.value,
    Op.TXN_PUT: contract.Verb.TXN_PUT.value,
    Op.TXN_COMMIT: contract.Verb.TXN_COMMIT.value,
    Op.TXN_ABORT: contract.Verb.TXN_ABORT.value,
}
# Operations that have a record of their own, let through or not.
RECORDED: Final = frozenset(_VERBS)
_ALLOW: Final = contract.Ending.ALLOW.value


@dataclass(frozen=True, slots=True)
class Rejection:
    """A frame that is not let through; `key` as far as there is one."""

    op: Op
    why: Reject
    key: str = ""


@dataclass(frozen=True, slots=True)
class ChangeRecord:
    """The peer, its change, and how it ended.

    Of the key the first eight bytes of its SHA-256; never the value.
    """

    verb: str
    ending: str
    peer: str
    key_hash: str

    @property
    def level(self) -> Level:
        """INFO for a change that was made, WARN for one that was not."""
        return Level.INFO if self.ending == _ALLOW else Level.WARN

    @property
    def message(self) -> str:
        """The text that logd gets."""
        return audit.STATE_CHANGE.format(
            verb=self.verb, ending=self.ending, peer=self.peer, key=self.key_hash
        )


def judge(frame: bytes, *, is_authenticated: bool) -> Request | Rejection:
    """Return the request that a frame is, or why it is not served.

    Args:
        frame: The payload of a call, as it came.
        is_authenticated: Whether the peer has a session that is bound to its id.
    """
    try:
        request = decode_request(frame)
    except RequestError as exc:
        too_large = (Status.KEY_TOO_LONG, Status.VALUE_TOO_LARGE)
        why = Reject.OVERSIZED if exc.status in too_large else Reject.BAD_REQUEST
        return Rejection(op_of(frame), _first(frame, is_authenticated=is_authenticated) or why)
    found = _first(frame, is_authenticated=is_authenticated) or _find_reason(request)
    return request if found is None else Rejection(request.op, found, request.key)


def record_of(op: Op, outcome: Reject | Status, peer: str, key: str) -> ChangeRecord | None:
    """Return the record of a change; None is that nothing was to be changed."""
    verb = _VERBS.get(op)
    if verb is None:
        return None
    if isinstance(outcome, Reject):
        ending = f"{contract.Ending.REJECT.value} {outcome.value}"
    else:
        ending = _ALLOW if outcome is Status.OK else contract.Ending.STATUS.value
    digest = hashlib.sha256(key.encode()).hexdigest()[:16] if key else "-"
    return ChangeRecord(verb, ending, peer, digest)


def _first(frame: bytes, *, is_authenticated: bool) -> Reject | None:
    """Return what is wrong whatever the frame says."""
    if not is_authenticated:
        return Reject.UNAUTHENTICATED
    return Reject.OVERSIZED if len(frame) > FRAME_BYTES_MAX else None


def judge_transfer(op: Op, key: bytes | None, value_bytes: int) -> str | Rejection:
    """Say whether a transfer may begin, and with which key.

    Args:
        op: PUT or GET.
        key: As it came; None is one that is too long to be awaited.
        value_bytes: How long the value of a PUT is to be.
    """
    if key is None:
        return Rejection(op, Reject.OVERSIZED)
    try:
        text = key.decode()
    except UnicodeDecodeError:
        return Rejection(op, Reject.BAD_REQUEST)
    if not text:
        return Rejection(op, Reject.BAD_REQUEST)
    found = _find_reason_of_key(op, text)
    if found is None and op is Op.PUT and not 1 <= value_bytes <= TRANSFER_BYTES_MAX:
        found = Reject.OVERSIZED
    return text if found is None else Rejection(op, found, text)


def _find_reason(request: Request) -> Reject | None:
    if request.op in _KEYLESS:
        return None
    if request.op not in _KEYED:
        return Reject.BAD_REQUEST
    found = _find_reason_of_key(request.op, request.key)
    if found is not None:
        return found
    if request.op in _SETTING and not 1 <= len(request.value) <= VALUE_BYTES_MAX:
        return Reject.OVERSIZED
    if request.op is Op.LIST and request.limit > LIST_MAX:
        return Reject.OVERSIZED
    return None


def is_usable(key: str) -> bool:
    """Say whether a peer may have a key of this name."""
    try:
        return _find_reason_of_key(Op.GET, key) is None
    except UnicodeEncodeError:
        return False


def _find_reason_of_key(op: Op, key: str) -> Reject | None:
    if not 1 <= len(key.encode()) <= KEY_BYTES_MAX:
        return Reject.OVERSIZED
    if any(part in key for part in _ESCAPES) or key.endswith(("/.", "/..")):
        return Reject.PREFIX_ESCAPE
    is_leaf = op is not Op.LIST
    if not key.startswith(NAMESPACE) or (is_leaf and key == NAMESPACE):
        return Reject.OUTSIDE_ACL
    return None
