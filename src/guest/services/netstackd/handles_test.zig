//! Handles and requests one by one: ids at their bounds, what is true of a socket, requests of
//! every shape, and the status of each refusal.

const std = @import("std");
const testing = std.testing;
const net = @import("net");
const netstack = @import("netstack");
const core = @import("core.zig");
const handles = @import("handles.zig");
const request = @import("request.zig");

const owner = 0xA;

var server: core.Server = undefined;

fn begin() void {
    server.init();
    server.bringUp(.{
        .mac = .{ 0x52, 0x54, 0, 0, 0, 10 },
        .ip = net.address.fromBytes(.{ 10, 42, 0, 10 }),
        .prefix = 24,
        .group = net.address.fromBytes(.{ 239, 42, 0, 1 }),
        .secret = @splat(7),
        .port_seed = 0,
    });
}

test "there are as many handles as sockets of all kinds; 0 is none, and another's is none" {
    var table: handles.Table = .{};
    try testing.expectEqual(40, handles.handles_max);
    try testing.expectEqual(0, table.used());
    for (1..41) |id| {
        try testing.expectEqual(id, table.add(.udp, @intCast(id), owner, 7).?);
        try testing.expectEqual(id, table.used());
    }
    try testing.expectEqual(null, table.add(.udp, 0, owner, 7));
    for ([_]u32{ 0, 41, std.math.maxInt(u32) }) |id| {
        try testing.expectEqual(null, table.find(id, owner));
    }
    for ([_]u32{ 1, 40 }) |id| {
        try testing.expectEqual(id, table.find(id, owner).?.index);
        try testing.expectEqual(7, table.find(id, owner).?.pid);
        try testing.expectEqual(null, table.find(id, owner + 1));
        try testing.expect(table.findKind(id, owner, .udp) != null);
        try testing.expectEqual(null, table.findKind(id, owner, .connection));
    }
    table.handles[4] = .{};
    try testing.expectEqual(null, table.find(5, owner));
    try testing.expectEqual(null, table.find(5, 0));
    try testing.expectEqual(39, table.used());
    // A place that is taken again has nothing of its earlier socket.
    table.handles[5].watcher = 9;
    table.handles[5].told = 0xFF;
    table.handles[5].owed = 0xFF;
    table.handles[5].reader = .{ .reply_to = 1, .sequence = 2, .nonce = null, .max = 3 };
    table.handles[5].kind = .free;
    table.handles[4].kind = .udp;
    try testing.expectEqual(6, table.add(.listener, 3, 0xB, 8).?);
    const fresh: handles.Handle = .{ .kind = .listener, .index = 3, .owner = 0xB, .pid = 8 };
    try testing.expectEqual(fresh, table.handles[5]);
    const none: handles.Handle = .{};
    try testing.expectEqual(.free, none.kind);
    try testing.expectEqual(0, none.index + none.owner + none.pid);
    try testing.expectEqual(0, none.told | none.owed);
    try testing.expect(none.watcher == null and none.reader == null);
}

test "what is forgotten is reported when it is true again, and nothing else is" {
    var handle: handles.Handle = .{ .told = 0b10111 };
    handle.forget(.{ .readable = true, .peer_closed = true });
    try testing.expectEqual(0b10010, handle.told);
}

fn conditionsOf(kind: handles.Kind, index: u8) netstack.Events {
    const handle: handles.Handle = .{ .kind = kind, .index = index };
    return handles.conditions(&server.stack, &handle);
}

test "what is true of a socket of each kind" {
    begin();
    try testing.expectEqual(netstack.Events{}, conditionsOf(.free, 0));
    const udp = try server.stack.udpBind(0, 9);
    try testing.expectEqual(netstack.Events{}, conditionsOf(.udp, udp));
    _ = server.stack.udp_sockets[udp].push(.{ .ip = 1, .port = 2 }, "x");
    try testing.expectEqual(netstack.Events{ .readable = true }, conditionsOf(.udp, udp));
    const listener = try net.tcp.listen(&server.stack, 80);
    try testing.expectEqual(netstack.Events{}, conditionsOf(.listener, listener));
    const c = &server.stack.connections[5];
    c.* = .{ .in_use = true, .holder = .backlog, .listener = listener, .state = .established };
    try testing.expectEqual(netstack.Events{ .readable = true }, conditionsOf(.listener, listener));
    c.* = .{};
    try testing.expectEqual(netstack.Events{}, conditionsOf(.connection, 5));
    c.state = .syn_sent;
    try testing.expectEqual(netstack.Events{}, conditionsOf(.connection, 5));
    c.state = .established;
    const open: netstack.Events = .{ .writable = true, .connected = true };
    try testing.expectEqual(open, conditionsOf(.connection, 5));
    c.is_fin_queued = true;
    try testing.expectEqual(netstack.Events{ .connected = true }, conditionsOf(.connection, 5));
    c.is_peer_closed = true;
    c.failure = .reset;
    _ = c.rx.write("x");
    try testing.expectEqual(
        netstack.Events{ .readable = true, .peer_closed = true, .failed = true, .connected = true },
        conditionsOf(.connection, 5),
    );
}

test "a writer that has filled its buffer comes back for a quarter of it" {
    begin();
    const c = &server.stack.connections[5];
    c.* = .{ .state = .established, .was_full = true };
    const words: [4096]u8 = @splat('w');
    _ = c.tx.write(words[0 .. 4096 - 1023]);
    try testing.expect(!conditionsOf(.connection, 5).writable);
    try testing.expect(c.was_full);
    c.tx.drop(1);
    try testing.expect(conditionsOf(.connection, 5).writable);
    try testing.expect(!c.was_full);
    // Until it is full again every byte is worth it.
    _ = c.tx.write(words[0..1023]);
    try testing.expect(conditionsOf(.connection, 5).writable);
}

test "requests of every operation, with a nonce and without, and no other length" {
    const id = "\x05\x00\x00\x01";
    const peer = "\x0a\x2a\x00\x0b\x34\x12";
    const bind: request.Bind = .{ .ip = .{ 10, 42, 0, 11 }, .port = 0x1234 };
    const any: request.Bind = .{ .ip = @splat(0), .port = 0x1234 };
    const number = 0x0100_0005;
    const Row = struct { op: u8, tail: []const u8, body: request.Body };
    for ([_]Row{
        .{ .op = 1, .tail = peer, .body = .{ .listen = bind } },
        .{ .op = 1, .tail = "\x34\x12", .body = .{ .listen = any } },
        .{ .op = 2, .tail = id, .body = .{ .accept = number } },
        .{ .op = 3, .tail = peer, .body = .{ .connect = bind } },
        .{
            .op = 4,
            .tail = id ++ "\x09\x01",
            .body = .{ .read = .{ .id = number, .max = 0x109 } },
        },
        .{
            .op = 5,
            .tail = id ++ "\x02\x00ab",
            .body = .{ .write = .{ .id = number, .data = "ab" } },
        },
        .{
            .op = 5,
            .tail = id ++ "\x00\x00",
            .body = .{ .write = .{ .id = number, .data = "" } },
        },
        .{ .op = 6, .tail = peer, .body = .{ .udp_bind = bind } },
        .{ .op = 6, .tail = "\x34\x12", .body = .{ .udp_bind = any } },
        .{
            .op = 7,
            .tail = id ++ peer ++ "\x02\x00ab",
            .body = .{ .udp_send_to = .{ .id = number, .to = bind, .data = "ab" } },
        },
        .{
            .op = 8,
            .tail = id ++ "\x09\x01",
            .body = .{ .udp_recv_from = .{ .id = number, .max = 0x109 } },
        },
        .{
            .op = 9,
            .tail = peer,
            .body = .{ .icmp_ping = .{ .ip = bind.ip, .timeout_ms = 0x1234 } },
        },
        .{ .op = 10, .tail = "", .body = .local_addr },
        .{ .op = 11, .tail = id, .body = .{ .close = number } },
        .{ .op = 12, .tail = id, .body = .{ .watch = number } },
        .{ .op = 13, .tail = id, .body = .{ .abort = number } },
        .{ .op = 14, .tail = "", .body = .mac },
        .{
            .op = 15,
            .tail = id ++ "\x09\x01",
            .body = .{ .read_later = .{ .id = number, .max = 0x109 } },
        },
    }) |row| {
        var frame: [64]u8 = @splat(0);
        frame[0..3].* = "NS\x01".*;
        frame[3] = row.op;
        @memcpy(frame[4..][0..row.tail.len], row.tail);
        const len = 4 + row.tail.len;
        @memcpy(frame[len..][0..8], "nonceson");
        try testing.expectEqualDeep(row.body, request.parse(frame[0..len]).?.body);
        try testing.expectEqual(null, request.parse(frame[0..len]).?.nonce);
        const with = request.parse(frame[0 .. len + 8]).?;
        try testing.expectEqualDeep(row.body, with.body);
        try testing.expectEqualStrings("nonceson", &with.nonce.?);
        for (1..18) |more| {
            if (more == 8) continue;
            // The short form of a binding is four bytes shorter than the long one.
            const is_bind = row.op == 1 or row.op == 6;
            if (is_bind and (more == 4 or more == 12)) continue;
            try testing.expectEqual(null, request.parse(frame[0 .. len + more]));
        }
    }
    for ([_]u8{ 0, 16, 0x40, 0xFF }) |op| {
        for (0..20) |more| {
            var frame: [24]u8 = @splat(0);
            frame[0..3].* = "NS\x01".*;
            frame[3] = op;
            try testing.expectEqual(null, request.parse(frame[0 .. 4 + more]));
        }
    }
    for ([_][]const u8{ "", "NS\x01", "NS\x02\x0a", "NT\x01\x0a", "MS\x01\x0a" }) |frame| {
        try testing.expectEqual(null, request.parse(frame));
    }
}

fn ask(frame: []const u8) ![]const u8 {
    const caller: core.Caller = .{ .service = owner, .pid = 3, .moved = 77, .sequence = 1 };
    return switch (server.handle(frame, caller, 1)) {
        .reply => |reply| reply,
        else => error.NoReply,
    };
}

fn expectStatus(status: netstack.Status, frame: []const u8) !void {
    const reply = try ask(frame);
    try testing.expectEqual(frame[3] | 0x80, reply[3]);
    try testing.expectEqual(status, @as(netstack.Status, @enumFromInt(reply[4])));
    if (status != .ok) try testing.expectEqual(5, reply.len);
}

test "the status of each refusal, and addresses that are ours" {
    begin();
    const none = "\x09\x00\x00\x00";
    for ([_][]const u8{
        "NS\x01\x02" ++ none,               "NS\x01\x04" ++ none ++ "\x01\x00",
        "NS\x01\x05" ++ none ++ "\x00\x00", "NS\x01\x08" ++ none ++ "\x01\x00",
        "NS\x01\x0b" ++ none,               "NS\x01\x0d" ++ none,
        "NS\x01\x0f" ++ none ++ "\x01\x00",
    }) |frame| try expectStatus(.not_found, frame);
    // Listening is for our own address, or any.
    try expectStatus(.ok, "NS\x01\x01\x0a\x2a\x00\x0a\x50\x00");
    try expectStatus(.io, "NS\x01\x01\x50\x00");
    try expectStatus(.ok, "NS\x01\x01\x51\x00");
    try expectStatus(.malformed, "NS\x01\x01\x0a\x2a\x00\x0b\x52\x00");
    try expectStatus(.malformed, "NS\x01\x01\x00\x00");
    // Datagrams also for the group.
    try expectStatus(.ok, "NS\x01\x06\xef\x2a\x00\x01\x50\x00");
    try expectStatus(.io, "NS\x01\x06\x50\x00");
    try expectStatus(.malformed, "NS\x01\x06\x0a\x2a\x00\x0b\x51\x00");
    try expectStatus(.malformed, "NS\x01\x03\x00\x00\x00\x00\x50\x00");
    try expectStatus(.malformed, "NS\x01\x03\x0a\x2a\x00\x0b\x00\x00");
    try expectStatus(.io, "NS\x01\x03\x08\x08\x08\x08\x50\x00");
    try expectStatus(.malformed, "NS\x01\x09\x00\x00\x00\x00\x50\x00");
    try expectStatus(.io, "NS\x01\x09\x08\x08\x08\x08\x50\x00");
    // A read of nothing would look like the end.
    const connected = try ask("NS\x01\x03\x0a\x2a\x00\x0b\x50\x00");
    var read: [10]u8 = "NS\x01\x04____\x00\x00".*;
    read[4..8].* = connected[5..9].*;
    try expectStatus(.malformed, &read);
    read[8] = 1;
    try expectStatus(.would_block, &read);
    // It can neither accept nor hear datagrams.
    var other: [8]u8 = "NS\x01\x02____".*;
    other[4..8].* = read[4..8].*;
    try expectStatus(.not_found, &other);
    read[3] = 8;
    try expectStatus(.not_found, &read);
}

test "pings: as many as the stack has, each answered under its own number" {
    begin();
    const frame = "NS\x01\x09\x0a\x2a\x00\x0b\x64\x00";
    for (0..4) |n| {
        const caller: core.Caller = .{ .service = owner, .moved = @intCast(50 + n), .sequence = 9 };
        try testing.expectEqual(core.Outcome.kept, server.handle(frame, caller, 1));
    }
    try expectStatus(.would_block, frame);
    try testing.expectEqual(null, server.nextPingReply());
    server.stack.poll(1 + 100 * std.time.ns_per_ms);
    for (0..4) |n| {
        const reply = server.nextPingReply().?;
        try testing.expectEqual(50 + n, reply.reply_to);
        try testing.expectEqual(9, reply.sequence);
        try testing.expectEqualSlices(u8, "NS\x01\x89\x05", reply.frame);
    }
    try testing.expectEqual(null, server.nextPingReply());
    const caller: core.Caller = .{ .service = owner, .moved = 60, .sequence = 9 };
    try testing.expectEqual(core.Outcome.kept, server.handle(frame, caller, 1));
}
