//! The witness of the attacks, in one of two roles (its section of the node configuration, tag 1):
//!
//!     0  caller   on the honest peer: calls the attacked node before and after, through dsoftbusd
//!     1  auditor  on the attacked node: reads in the log what was refused
//!
//! Whether the session of the second call is still the first one shows in the log: dsoftbusd says
//! of every loss.

const std = @import("std");
const os = @import("os");
const sock = @import("sock");
const svc = @import("svc");
const caller = @import("caller.zig");
const auditor = @import("auditor.zig");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

/// Where the attacker says that it is done, and where it hears that it may begin.
const port = 37777;
const telling_ns: u64 = 100 * std.time.ns_per_ms;

const Section = struct { role: enum(u8) { caller = 0, auditor = 1 }, attacker: sock.Ip };

pub fn main() !void {
    const section = try readSection();
    const net = try sock.Net.open();
    const socket = try net.udpBind(sock.any, port);
    try net.watch(socket, os.abi.slot.server_send);
    svc.ready();
    const begin = section.role == .caller;
    if (begin) try caller.awaitSession();
    try awaitEnd(net, socket, if (begin) section.attacker else null);
    os.print("WITNESS: attacks over", .{});
    switch (section.role) {
        .caller => try caller.testify(),
        .auditor => try auditor.testify(),
    }
    os.print("WITNESS: end", .{});
}

fn readSection() !Section {
    var buffer: [64]u8 = undefined;
    var section: Section = .{ .role = .caller, .attacker = sock.any };
    var records = os.records.iterate(try os.config(&buffer));
    while (try records.next()) |record| switch (record.tag) {
        1 => section.role = switch (record.value[0]) {
            0 => .caller,
            1 => .auditor,
            else => return error.Malformed,
        },
        2 => section.attacker = record.value[0..4].*,
        else => return error.Malformed,
    };
    return section;
}

var message_buffer: [os.abi.payload_bytes_max]u8 = undefined;

/// Until the attacker says that it is done; tell it meanwhile, if we are to, that it may begin.
fn awaitEnd(net: sock.Net, socket: sock.Id, tell: ?sock.Ip) !void {
    var buffer: [64]u8 = undefined;
    while (true) {
        if (try net.recvFrom(socket, &buffer)) |datagram| {
            if (std.mem.eql(u8, datagram.data, "attacks over")) return;
            continue;
        }
        if (tell) |ip| try net.sendTo(socket, .{ .ip = ip, .port = port }, "session stands");
        const until = if (tell == null) 0 else os.after(telling_ns);
        const message = os.recv(os.abi.slot.server_recv, &message_buffer, until) catch |err| {
            if (err == error.TimedOut) continue;
            return err;
        };
        if (message.moved) |extra| os.sys.capClose(extra);
    }
}
