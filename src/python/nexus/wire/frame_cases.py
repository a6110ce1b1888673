"""One correct frame of every kind, as bytes and as value: what all codec tests are played on.

A `vector` is a name in third_party/vectors/frames.json, which was computed independently; the
others are written out by hand from docs/spec.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from nexus.wire import (
    announce,
    bundle,
    front,
    gateway,
    log,
    mux,
    package_stream,
    packagefs,
    policy,
    samgr,
    state,
    transfer,
)


class Encodable(Protocol):
    """Every frame of this package."""

    def encode(self) -> bytes:
        """Return the frame's bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Case:
    """A frame both ways.  `vector` names the independent bytes if there are some."""

    name: str
    decode: Callable[[bytes], object]
    value: Encodable
    hex: str = ""
    vector: str = ""
    ignores_trailing: bool = False


_KEY_9: Final = b"\x11" * 32
_SERVICES: Final = ("samgrd", "bundlemgrd")
_DSOFTBUSD: Final = 0x326680366B8C11F1

_STATE_KEY: Final = "/state/shared/selftest/remote-rw"
_STATE_VALUE: Final = b"remote-statefs-rw-v1"

CASES: Final[tuple[Case, ...]] = (
    Case(
        "announce",
        announce.decode_announce,
        announce.Announce("node9", 37020, _KEY_9, _SERVICES),
        vector="announce_golden_node9",
        ignores_trailing=True,
    ),
    Case(
        "announce-without-services",
        announce.decode_announce,
        announce.Announce("x", 1, _KEY_9),
        hex="4e58534201" + "0178" + "0001" + "11" * 32 + "00",
        ignores_trailing=True,
    ),
    Case(
        "sm-register",
        samgr.decode_request,
        samgr.Request(samgr.Op.REGISTER, "logd", 5, 6),
        hex="534d0101" + "04" + "05000000" + "06000000" + "6c6f6764",
    ),
    Case(
        "sm-lookup",
        samgr.decode_request,
        samgr.Request(samgr.Op.LOOKUP, "keystored"),
        vector="sm_lookup_keystored",
    ),
    Case(
        "sm-resolve",
        samgr.decode_request,
        samgr.Request(samgr.Op.RESOLVE_STATUS, "bundlemgrd"),
        vector="sm_resolve_bundlemgrd",
    ),
    Case("sm-sender-pid", samgr.decode_request, samgr.Request(samgr.Op.SENDER_PID), hex="534d0104"),
    Case(
        "sm-resolve-ok",
        samgr.decode_reply,
        samgr.SlotReply(samgr.Op.RESOLVE_STATUS, samgr.Status.OK),
        vector="sm_resolve_rsp_ok",
    ),
    Case(
        "sm-resolve-not-found",
        samgr.decode_reply,
        samgr.SlotReply(samgr.Op.RESOLVE_STATUS, samgr.Status.NOT_FOUND),
        vector="sm_resolve_rsp_not_found",
    ),
    Case(
        "sm-lookup-reply",
        samgr.decode_reply,
        samgr.SlotReply(samgr.Op.LOOKUP, samgr.Status.OK, 0x01020304, 9),
        hex="534d0182" + "00" + "04030201" + "09000000",
    ),
    Case(
        "sm-sender-pid-reply",
        samgr.decode_reply,
        samgr.SenderReply(samgr.Op.SENDER_PID, samgr.Status.OK, 7),
        hex="534d0184" + "00" + "07000000",
    ),
    Case(
        "sm-sender-id-reply",
        samgr.decode_reply,
        samgr.SenderReply(samgr.Op.SENDER_SERVICE_ID, samgr.Status.OK, _DSOFTBUSD),
        hex="534d0185" + "00" + "f1118c6b36806632",
    ),
    Case("bn-list", bundle.decode_request, bundle.Request(bundle.Op.LIST), vector="bn_list"),
    Case(
        "bn-list-reply",
        bundle.decode_reply,
        bundle.ListReply(bundle.Status.OK, 1),
        vector="bn_list_rsp",
    ),
    Case(
        "bn-image-reply",
        bundle.decode_reply,
        bundle.ImageReply(bundle.Status.OK, b"ab"),
        hex="424e0183" + "00" + "02000000" + "6162",
    ),
    Case(
        "ds-resolve",
        front.decode_request,
        front.Request(front.Op.RESOLVE, "bundlemgrd"),
        vector="ds_resolve_bundlemgrd",
    ),
    Case(
        "ds-bundle-list",
        front.decode_request,
        front.Request(front.Op.BUNDLE_LIST),
        vector="ds_bundle_list",
    ),
    Case(
        "ds-bundle-list-reply",
        front.decode_reply,
        front.Reply(front.Op.BUNDLE_LIST, front.Status.OK, 1),
        vector="ds_bundle_list_rsp_1",
    ),
    Case(
        "ds-bundle-list-fail",
        front.decode_reply,
        front.Reply(front.Op.BUNDLE_LIST, front.Status.FAIL),
        hex="44530182" + "01",
    ),
    Case(
        "ds-package-stat",
        front.decode_request,
        front.Request(front.Op.PACKAGE_STAT, "pkg:/system/build.prop"),
        vector="ds_pkg_stat",
    ),
    Case(
        "ds-package-read",
        front.decode_request,
        front.Request(front.Op.PACKAGE_READ, handle=1, length=64),
        vector="ds_pkg_read",
    ),
    Case(
        "ds-package-close",
        front.decode_request,
        front.Request(front.Op.PACKAGE_CLOSE, handle=0x05000001),
        hex="44530106" + "01000005",
    ),
    Case(
        "ds-package-open-reply",
        front.decode_reply,
        front.Reply(front.Op.PACKAGE_OPEN, front.Status.OK, tail=b"\1\0\0\0"),
        hex="44530184" + "00" + "01000000",
    ),
    Case(
        "ds-package-read-reply",
        front.decode_reply,
        front.Reply(front.Op.PACKAGE_READ, front.Status.OK, tail=b"\2\0ab"),
        hex="44530185" + "00" + "0200" + "6162",
    ),
    Case(
        "ds-package-badf",
        front.decode_reply,
        front.Reply(front.Op.PACKAGE_READ, front.Status.BADF),
        hex="44530185" + "06",
    ),
    Case(
        "ds-malformed-reply",
        front.decode_reply,
        front.Reply(front.Op.MALFORMED, front.Status.FAIL),
        hex="44530180" + "01",
    ),
    Case(
        "po-delegated",
        policy.decode_request,
        policy.Request(policy.Op.CHECK_CAP_DELEGATED, 1, _DSOFTBUSD, "statefs.write"),
        vector="policyd_v2_check_cap_delegated_nonce1",
    ),
    Case(
        "po-reply",
        policy.decode_reply,
        policy.Reply(policy.Op.CHECK_CAP, 0x01020304, policy.Status.DENY),
        hex="504f0284" + "04030201" + "0100",
    ),
    Case(
        "lo-append-v2",
        log.decode_request,
        log.Append(
            log.Level.INFO,
            "dsoftbusd",
            "dsoftbusd: audit remote statefs put allow",
            nonce=1,
        ),
        vector="logd_append_v2_audit_nonce1",
    ),
    Case(
        "lo-append-v1",
        log.decode_request,
        log.Append(log.Level.WARN, "s", "m", "k=v"),
        hex="4c4f0101" + "01" + "01" + "0100" + "0300" + "736d6b3d76",
    ),
    Case(
        "lo-query",
        log.decode_request,
        log.Query(2, 3),
        hex="4c4f0102" + "0200000000000000" + "0300",
    ),
    Case("lo-stats", log.decode_request, log.Stats(nonce=5), hex="4c4f0203" + "0500000000000000"),
    Case(
        "lo-append-reply",
        log.decode_reply,
        log.Reply(log.Op.APPEND, log.Status.OK, record_id=1, dropped=2),
        hex="4c4f0181" + "00" + "0100000000000000" + "0200000000000000",
    ),
    Case(
        "lo-refused-v2",
        log.decode_reply,
        log.Reply(log.Op.APPEND, log.Status.RATE_LIMITED, nonce=7),
        hex="4c4f0281" + "06" + "0700000000000000",
    ),
    Case(
        "lo-query-reply",
        log.decode_reply,
        log.Reply(
            log.Op.QUERY,
            log.Status.OK,
            total=2,
            dropped=1,
            records=(log.Record(1, 5, log.Level.INFO, 9, "s", "m", ""),),
        ),
        hex="4c4f0182" + "00" + "0200000000000000" + "0100000000000000" + "0100"
        "0100000000000000" + "0500000000000000" + "02" + "0900000000000000"
        "01" + "0100" + "0000" + "736d",
    ),
    Case(
        "lo-stats-reply",
        log.decode_reply,
        log.Reply(log.Op.STATS, log.Status.OK, total=3, capacity=(128, 16384, 3, 90)),
        hex="4c4f0183" + "00" + "0300000000000000" + "0000000000000000"
        "80000000" + "00400000" + "03000000" + "5a000000",
    ),
    Case(
        "pk-stat",
        packagefs.decode_request,
        packagefs.PathRequest(packagefs.Op.STAT, "pkg:/system/build.prop"),
        vector="pk_stat",
    ),
    Case(
        "pk-open",
        packagefs.decode_request,
        packagefs.PathRequest(packagefs.Op.OPEN, "pkg:/system/build.prop"),
        vector="pk_open",
    ),
    Case(
        "pk-read",
        packagefs.decode_request,
        packagefs.ReadRequest(1, 0, 64),
        vector="pk_read_h1_off0_len64",
    ),
    Case("pk-close", packagefs.decode_request, packagefs.CloseRequest(1), vector="pk_close_h1"),
    Case(
        "pk-stat-reply",
        packagefs.decode_reply,
        packagefs.StatReply(packagefs.Status.OK, 19),
        vector="pk_stat_rsp_ok_19",
    ),
    Case(
        "pk-open-reply",
        packagefs.decode_reply,
        packagefs.OpenReply(packagefs.Status.OK, 1),
        vector="pk_open_rsp_h1",
    ),
    Case(
        "pk-read-reply",
        packagefs.decode_reply,
        packagefs.ReadReply(packagefs.Status.OK, b"ro.nexus.build=dev\n"),
        vector="pk_read_rsp",
    ),
    Case(
        "pk-close-reply",
        packagefs.decode_reply,
        packagefs.CloseReply(packagefs.Status.OK),
        vector="pk_close_rsp",
    ),
    Case(
        "pk-reject",
        packagefs.decode_reply,
        packagefs.Failure(packagefs.Op.STAT, packagefs.Status.PATH_TRAVERSAL),
        vector="pk_reject_stat_traversal",
    ),
    Case(
        "gateway-request",
        gateway.decode_frame,
        gateway.Request(1, 2, 1000, b"SM\x01\x06\x01x"),
        hex="01" + "01" + "0600" + "0200000000000000" + "e8030000" + "0000" + "534d01060178",
    ),
    Case(
        "gateway-response",
        gateway.decode_frame,
        gateway.Response(gateway.Status.OK, 7, b"SM\x01\x86"),
        hex="02" + "00" + "0400" + "0700000000000000" + "00000000" + "534d0186",
    ),
    Case(
        "gateway-refused",
        gateway.decode_frame,
        gateway.Response(gateway.Status.REFUSED, 7),
        hex="02" + "01" + "0000" + "0700000000000000" + "00000000",
    ),
    Case(
        "gateway-ping",
        gateway.decode_frame,
        gateway.Ping(0x0102),
        hex="03" + "00" * 7 + "0201000000000000",
    ),
    Case(
        "gateway-pong",
        gateway.decode_frame,
        gateway.Pong(1 << 63),
        hex="04" + "00" * 7 + "0000000000000080",
    ),
    Case(
        "sf-put",
        state.decode_request,
        state.Request(state.Op.PUT, _STATE_KEY, _STATE_VALUE),
        vector="sf1_put",
    ),
    Case("sf-get", state.decode_request, state.Request(state.Op.GET, _STATE_KEY), vector="sf1_get"),
    Case(
        "sf-delete",
        state.decode_request,
        state.Request(state.Op.DELETE, _STATE_KEY),
        vector="sf1_del",
    ),
    Case(
        "sf-list",
        state.decode_request,
        state.Request(state.Op.LIST, "/state/shared/", limit=16),
        vector="sf1_list_limit16",
    ),
    Case("sf-sync", state.decode_request, state.Request(state.Op.SYNC), vector="sf1_sync"),
    Case(
        "sf2-get",
        state.decode_request,
        state.Request(state.Op.GET, _STATE_KEY, nonce=1),
        vector="sf2_get_nonce1",
    ),
    Case(
        "sf2-txn-put",
        state.decode_request,
        state.Request(state.Op.TXN_PUT, "k", b"xy", txn=3, nonce=1),
        hex="53460208" + "01" + "00" * 7 + "03" + "00" * 7 + "0100" + "02000000" + "6b" + "7879",
    ),
    Case(
        "sf-txn-commit",
        state.decode_request,
        state.Request(state.Op.TXN_COMMIT, txn=3),
        hex="53460109" + "03" + "00" * 7,
    ),
    Case(
        "sf2-read",
        state.decode_request,
        state.Request(state.Op.READ, "k", offset=4096, length=512, nonce=1),
        hex="5346020b" + "01" + "00" * 7 + "0100" + "00100000" + "0002" + "6b",
    ),
    Case(
        "sf2-read-reply",
        state.decode_reply,
        state.Reply(state.Op.READ, state.Status.OK, b"xyz", nonce=1, total=9, version=2),
        hex="5346028b00" + "01" + "00" * 7 + "09000000" + "02" + "00" * 7 + "0300" + "78797a",
    ),
    Case(
        "sf-put-reply",
        state.decode_reply,
        state.Reply(state.Op.PUT, state.Status.OK),
        vector="sf1_put_rsp_ok",
    ),
    Case(
        "sf-get-reply",
        state.decode_reply,
        state.Reply(state.Op.GET, state.Status.OK, _STATE_VALUE),
        vector="sf1_get_rsp_ok",
    ),
    Case(
        "sf2-get-reply",
        state.decode_reply,
        state.Reply(state.Op.GET, state.Status.OK, _STATE_VALUE, nonce=1),
        vector="sf2_get_rsp_ok_nonce1",
    ),
    Case(
        "sf2-put-reply",
        state.decode_reply,
        state.Reply(state.Op.PUT, state.Status.IO_ERROR, nonce=1),
        hex="5346028107" + "01" + "00" * 7,
    ),
    Case(
        "sf-list-reply",
        state.decode_reply,
        state.Reply(state.Op.LIST, state.Status.OK, keys=(_STATE_KEY,)),
        vector="sf1_list_rsp_one",
    ),
    Case(
        "sf-put-refused",
        state.decode_reply,
        state.Reply(state.Op.PUT, state.Status.ACCESS_DENIED),
        vector="sf1_put_reject_acl",
    ),
    Case(
        "sf-put-escape",
        state.decode_reply,
        state.Reply(state.Op.PUT, state.Status.INVALID_KEY),
        vector="sf1_put_reject_escape",
    ),
    Case(
        "sf-txn-begin-reply",
        state.decode_reply,
        state.Reply(state.Op.TXN_BEGIN, state.Status.OK, txn=9),
        hex="5346018700" + "09" + "00" * 7,
    ),
    Case(
        "st-put",
        transfer.decode_request,
        transfer.Request(transfer.Op.PUT, 0x0000000700000002, "/state/shared/k", 65_536),
        hex="53540101" + "0200000007000000" + "0f00" + "0000" + "00000100"
        "2f73746174652f7368617265642f6b",
    ),
    Case(
        "st-get",
        transfer.decode_request,
        transfer.Request(transfer.Op.GET, 3, "/state/shared/k"),
        hex="53540102" + "0300000000000000" + "0f00" + "0000" + "00000000"
        "2f73746174652f7368617265642f6b",
    ),
    Case(
        "st-head",
        transfer.decode_head,
        transfer.Head(transfer.Op.PUT, 1, 300, 70_000),
        hex="53540101" + "0100000000000000" + "2c01" + "0000" + "70110100",
    ),
    Case(
        "st-go-ahead",
        transfer.decode_reply,
        transfer.Reply(transfer.Op.PUT, state.Status.OK, transfer.Stage.GO_AHEAD),
        hex="53540181" + "00" + "00" + "0000" + "00000000",
    ),
    Case(
        "st-put-done",
        transfer.decode_reply,
        transfer.Reply(transfer.Op.PUT, state.Status.OK, transfer.Stage.DONE, 65_536),
        hex="53540181" + "00" + "01" + "0000" + "00000100",
    ),
    Case(
        "st-get-done",
        transfer.decode_reply,
        transfer.Reply(transfer.Op.GET, state.Status.OK, transfer.Stage.DONE, 129),
        hex="53540182" + "00" + "01" + "0000" + "81000000",
    ),
    Case(
        "st-refused",
        transfer.decode_reply,
        transfer.Reply(transfer.Op.PUT, state.Status.TXN_LIMIT, transfer.Stage.DONE),
        hex="53540181" + "0b" + "01" + "0000" + "00000000",
    ),
    Case(
        "pr-read",
        package_stream.decode_request,
        package_stream.Request(package_stream.Op.READ, "pkg:/b/f", 4096, 65_536),
        hex="50520101" + "0800" + "0000" + "0010000000000000" + "0000010000000000706b673a2f622f66",
    ),
    Case(
        "pr-list",
        package_stream.decode_request,
        package_stream.Request(package_stream.Op.LIST, "pkg:/b"),
        hex="50520102" + "0600" + "0000" + "00" * 16 + "706b673a2f62",
    ),
    Case(
        "pr-head",
        package_stream.decode_head,
        package_stream.Head(package_stream.Op.READ, 300, 1, 2),
        hex="50520101" + "2c01" + "0000" + "01" + "00" * 7 + "02" + "00" * 7,
    ),
    Case(
        "pr-file",
        package_stream.decode_reply,
        package_stream.Reply(
            package_stream.Op.READ, packagefs.Status.OK, size=70_000, state=7, length=5
        ),
        hex="50520181"
        + "00"
        + "00"
        + "0000"
        + "7011010000000000"
        + "07"
        + "00" * 7
        + "05"
        + "00" * 7,
    ),
    Case(
        "pr-folder",
        package_stream.decode_reply,
        package_stream.Reply(
            package_stream.Op.LIST, packagefs.Status.OK, packagefs.Kind.FOLDER, state=7, length=15
        ),
        hex="50520182" + "00" + "01" + "0000" + "00" * 8 + "07" + "00" * 7 + "0f" + "00" * 7,
    ),
    Case(
        "pr-refused",
        package_stream.decode_reply,
        package_stream.Reply(package_stream.Op.READ, packagefs.Status.NOT_FOUND),
        hex="50520181" + "05" + "00" + "0000" + "00" * 24,
    ),
    Case(
        "stream-settings",
        mux.decode_frame,
        mux.Settings(16, 1024, 4096),
        hex="10" + "01" + "1000" + "00040000" + "00100000",
    ),
    Case(
        "stream-open",
        mux.decode_frame,
        mux.Open(1, 0, "gateway"),
        hex="11" + "01000000" + "00" + "07" + "67617465776179",
    ),
    Case("stream-open-ack", mux.decode_frame, mux.OpenAck(1), hex="12" + "01000000"),
    Case(
        "stream-credit",
        mux.decode_frame,
        mux.Credit(1, 2048),
        hex="14" + "01000000" + "00080000",
    ),
    Case("stream-close", mux.decode_frame, mux.Close(0xFFFFFFFF), hex="15" + "ffffffff"),
    Case("stream-reset", mux.decode_frame, mux.Reset(2, 1), hex="16" + "02000000" + "01"),
    Case(
        "ds-state-sync",
        front.decode_request,
        front.Request(front.Op.STATE, inner=state.Request(state.Op.SYNC).encode()),
        vector="ds_statefs_sync",
    ),
    Case(
        "ds-state-reply",
        front.decode_reply,
        front.Reply(front.Op.STATE, front.Status.OK, tail=b"\5\0SF\1\x85\0"),
        hex="44530187" + "00" + "0500" + "5346018500",
    ),
)
