//! What this node is: its configuration, its key, what it knows of its peers, and where its helpers
//! are.

const std = @import("std");
const os = @import("os");
const sock = @import("sock");
const noise = @import("noise");
const wire = @import("wire");
const dsoftbus = @import("dsoftbus");

pub const never: u64 = std.math.maxInt(u64);

/// The clock of the current turn of the loop.
pub var now_ns: u64 = 0;
pub var config: dsoftbus.config.Config = .{};
pub var table: dsoftbus.discovery.Table = undefined;
pub var net: sock.Net = undefined;
pub var static: noise.KeyPair = undefined;
/// One bucket a configured peer; it outlives sessions, so that reconnecting buys nothing.
pub var buckets: [dsoftbus.config.peers_max]dsoftbus.rate.Bucket = undefined;

var section: [os.abi.payload_bytes_max]u8 = undefined;
var rngd: os.Slot = undefined;

pub fn load() !void {
    const bytes = try os.config(&section);
    defer std.crypto.secureZero(u8, &section);
    const records = os.records.iterate(bytes);
    try dsoftbus.config.parse(&config, records, records);
    table = .{ .ttl_ns = config.ttl_ns };
    now_ns = os.nsec();
    for (&buckets) |*bucket| bucket.* = .init(config.limit, now_ns);
}

/// What only a node with peers needs.
pub fn open() !void {
    static = try noise.KeyPair.fromSecret(config.secret);
    std.crypto.secureZero(u8, &config.secret);
    rngd = try os.route("rngd");
    net = try sock.Net.open();
}

/// A key for one handshake, from the entropy device and from nothing else.
pub fn ephemeral() !noise.KeyPair {
    var request: [wire.rn.request_bytes]u8 = undefined;
    var answer: [wire.rn.reply_header_bytes + 32]u8 = undefined;
    defer std.crypto.secureZero(u8, &answer);
    const frame = try wire.rn.encodeRequest(&request, 32);
    const bytes = try os.call(rngd, frame, &answer, os.call_timeout_ns);
    const reply = wire.rn.decodeReply(bytes) orelse return error.Unexpected;
    if (reply.status != .ok or reply.bytes.len != 32) return error.Unexpected;
    return noise.KeyPair.fromSecret(reply.bytes[0..32].*);
}
