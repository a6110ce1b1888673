//! Plays the table of package requests against the other node, and says of each case whether every
//! answer was the table's, byte for byte.
//!
//! A case begins with sessions that have nothing open and never had: one in which a file was opened
//! is ended, any other serves the next case too, because handshakes are dear.

const std = @import("std");
const os = @import("os");
const svc = @import("svc");
const wire = @import("wire");
const pk_cases = @import("pk_cases");
const self = @import("self.zig");
const Peer = @import("peer.zig").Peer;

pub const panic = os.panic;
comptime {
    _ = os.start;
}

const bundle_list_service = 2;
const packages_service = 3;
/// demo in two versions, and system.
const bundles_expected = 3;
/// The table as values; its text has 25 KB.
var table_memory: [512 * 1024]u8 = undefined;

var peers: [2]Peer = undefined;
var is_open: [2]bool = @splat(false);
var has_opened = false;
const opened_reply = "PK\x01\x82\x00";

pub fn main() !void {
    try self.load();
    svc.ready();
    var memory: std.heap.FixedBufferAllocator = .init(&table_memory);
    const table = try pk_cases.parse(memory.allocator());
    try self.awaitTarget();
    for (table.cases) |case| {
        if (play(case)) |played| {
            // A frame that no peer can send is not reported as proven.
            if (played != 0) os.print("PKCASE: {s} ok", .{case.name});
        } else |err| {
            os.print("PKCASE: {s} FAIL ({s})", .{ case.name, @errorName(err) });
            has_opened = true; // who knows
        }
        if (has_opened) hangUp();
    }
    if (countBundles()) {
        os.print("PKCASE: bundles of the image ok", .{});
    } else |err| os.print("PKCASE: bundles of the image FAIL ({s})", .{@errorName(err)});
    hangUp();
    os.print("PKCASE: end", .{});
}

fn hangUp() void {
    for (&peers, &is_open) |*peer, *open| {
        if (open.*) peer.hangUp();
        open.* = false;
    }
    has_opened = false;
}

fn peerOf(session: u8) !*Peer {
    const peer = &peers[session];
    if (!is_open[session]) try peer.start(&self.identities[session]);
    is_open[session] = true;
    return peer;
}

/// How many steps were played.
fn play(case: pk_cases.Case) !usize {
    var played: usize = 0;
    for (case.steps, 0..) |step, i| {
        if (!step.authenticated) continue; // without a session there is nowhere to send it
        check(step) catch |err| {
            os.print("caller: {s}, step {d}: {s}", .{ case.name, i, @errorName(err) });
            return err;
        };
        played += 1;
    }
    return played;
}

fn check(step: pk_cases.Step) !void {
    var request: [pk_cases.frame_bytes_max]u8 = undefined;
    var expected: [pk_cases.frame_bytes_max]u8 = undefined;
    const peer = try peerOf(step.session);
    const frame = try pk_cases.bytesOf(step.request, &request);
    const response = try peer.ask(packages_service, frame);
    if (!step.remote) return if (response.status == .refused) {} else error.NotRefused;
    if (response.status != .ok) return error.Refused;
    const reply = try pk_cases.bytesOf(step.reply, &expected);
    has_opened = has_opened or std.mem.startsWith(u8, response.payload, opened_reply);
    if (!std.mem.eql(u8, response.payload, reply)) return error.OtherReply;
}

fn countBundles() !void {
    var request: [8]u8 = undefined;
    const frame = try wire.bundle.encodeRequest(&request, .list);
    const response = try (try peerOf(0)).ask(bundle_list_service, frame);
    const list = wire.bundle.decodeListReply(response.payload) orelse return error.Malformed;
    if (list.status != .ok or list.count != bundles_expected) return error.OtherCount;
}
