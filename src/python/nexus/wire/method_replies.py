"""A method's results as the frame of its service, for a caller of frames that sent a message."""

from __future__ import annotations

from typing import TypeVar

from nexus.contract import bundle as bundle_contract
from nexus.contract import log as log_contract
from nexus.contract import packagefs as package_contract
from nexus.contract import samgr as samgr_contract
from nexus.contract import state as state_contract
from nexus.contract.message_layout import Struct
from nexus.wire import bundle, log, packagefs, samgr, state
from nexus.wire.error import LocalProtocolError, Reason
from nexus.wire.method_frames import Spoken


def reply_frame(spoken: Spoken, results: Struct) -> bytes:
    """Return the frame of a service that answers with these results.

    Args:
        spoken: The call, whose nonce the reply has.
        results: The results of its method.

    Raises:
        LocalProtocolError: no service answers so: an unknown status, or values beside a failure;
            or the reply's frame says more than its results.
    """
    nonce = spoken.nonce
    match results:
        case samgr_contract.ResolveStatusResults():
            slot = samgr.SlotReply(samgr.Op.RESOLVE_STATUS, _known(results.status))
            return slot.encode()
        case bundle_contract.ListResults():
            return bundle.ListReply(_known(results.status), results.count).encode()
        case package_contract.StatResults():
            status = _known(results.status)
            return packagefs.StatReply(status, results.size, results.kind).encode()
        case package_contract.OpenResults():
            return packagefs.OpenReply(_known(results.status), results.handle).encode()
        case package_contract.ReadResults():
            return packagefs.ReadReply(_known(results.status), results.bytes).encode()
        case package_contract.CloseResults():
            return packagefs.CloseReply(_known(results.status)).encode()
        case log_contract.QueryResults():
            return _log_reply(results, nonce)
        case log_contract.StatsResults():
            raise LocalProtocolError(
                Reason.UNSUPPORTED_OPERATION, "stats: its frame says more than its results"
            )
        case _:
            return _state_reply(state.Op(spoken.method.opcode), results, nonce)


_Status = TypeVar("_Status")


def _known(status: _Status | None) -> _Status:
    if status is None:
        raise LocalProtocolError(Reason.UNKNOWN_STATUS, "a status of a later version")
    return status


def _state_reply(op: state.Op, results: Struct, nonce: int | None) -> bytes:
    match results:
        case state_contract.GetResults():
            reply = state.Reply(op, _known(results.status), results.value, nonce=nonce)
        case state_contract.ListResults():
            reply = state.Reply(op, _known(results.status), keys=results.keys, nonce=nonce)
        case state_contract.TxnBeginResults():
            reply = state.Reply(op, _known(results.status), txn=results.txn, nonce=nonce)
        case (
            state_contract.PutResults()
            | state_contract.DeleteResults()
            | state_contract.SyncResults()
            | state_contract.TxnPutResults()
            | state_contract.TxnCommitResults()
            | state_contract.TxnAbortResults()
        ):
            reply = state.Reply(op, _known(results.status), nonce=nonce)
        case _:
            raise AssertionError(f"{type(results).__name__} is not of a method of the contract")
    return reply.encode()


def _log_reply(results: log_contract.QueryResults, nonce: int | None) -> bytes:
    reply = log.Reply(
        log.Op.QUERY,
        _known(results.status),
        nonce,
        total=results.total,
        dropped=results.dropped,
        records=results.records,
    )
    return reply.encode()
