//! The edge of dsoftbusd, on stand-ins for kernel, netstackd and rngd: what each of its functions
//! asks for, what it makes of a refusal, and that it leaves no capability open.

const std = @import("std");
const os = @import("os");
const os_fake = @import("os_fake");
const dsoftbus = @import("dsoftbus");
const fake = @import("netstackd_fake.zig");
const edge_file = @import("edge.zig");
const testing = std.testing;
const Kernel = os_fake.Kernel;

const own_endpoint = os.abi.slot.server_send;

const World = struct {
    kernel: Kernel = .{ .name = "dsoftbusd", .routes = fake.routes, .answer = fake.answer },
    edge: edge_file.Edge = undefined,
    list: [64]os_fake.Sent = undefined,

    fn setUp(self: *World) !void {
        fake.reset();
        self.kernel.install();
        try self.edge.open(0x1234);
    }

    fn asked(self: *World, op: @import("sock").netstack.Op) []os_fake.Sent {
        return fake.asked(&self.kernel, op, &self.list);
    }

    fn tearDown(self: *World) !void {
        defer self.kernel.deinit();
        try testing.expectEqual(@as(usize, 0), self.kernel.open.items.len);
    }
};

test "opening binds the discovery port, listens, and has both watched" {
    var world: World = .{};
    try world.setUp();
    const bound = world.asked(.udp_bind)[0].bytes;
    try testing.expectEqualSlices(u8, "NS\x01\x06\x00\x00\x00\x00", bound[0..8]);
    const port = std.mem.readInt(u16, bound[8..10], .little);
    try testing.expectEqual(dsoftbus.announce.port, port);
    try testing.expectEqualSlices(
        u8,
        "NS\x01\x01\x00\x00\x00\x00\x34\x12",
        world.asked(.listen)[0].bytes,
    );
    const watched = world.asked(.watch);
    try testing.expectEqual(@as(usize, 2), watched.len);
    try testing.expectEqualSlices(u8, "NS\x01\x0c\x29\x00\x00\x00", watched[0].bytes);
    try testing.expectEqualSlices(u8, "NS\x01\x0c\x2a\x00\x00\x00", watched[1].bytes);
    try testing.expect(!world.edge.hasAnswered());
    try world.tearDown();
}

test "a connection is started and watched; one that cannot be watched is aborted" {
    var world: World = .{};
    try world.setUp();
    const to: dsoftbus.edge.Address = .{ .ip = .{ 10, 42, 0, 11 }, .port = 0x8708 };
    try testing.expectEqual(@as(?u32, 43), world.edge.connect(to));
    try testing.expectEqualSlices(
        u8,
        "NS\x01\x03\x0a\x2a\x00\x0b\x08\x87",
        world.asked(.connect)[0].bytes,
    );
    try testing.expectEqual(@as(usize, 3), world.asked(.watch).len);
    fake.chosen = &.{.{ .op = .connect, .status = .io }};
    try testing.expectEqual(@as(?u32, null), world.edge.connect(to));
    try testing.expectEqual(0, world.asked(.abort).len);
    try testing.expectEqual(3, world.asked(.watch).len);
    // Its own socket is there, but netstackd takes nothing more.
    const slot = world.edge.net.slot;
    world.edge.net.slot = 4321;
    world.kernel.deaf = .{ .slot = 4321, .errno = .timed_out };
    try testing.expectEqual(@as(?u32, null), world.edge.connect(to));
    world.edge.net.slot = slot;
    try world.tearDown();
}

const one_accepted = "\x50\x00\x00\x00" ++ "\x0a\x2a\x00\x63" ++ "\x39\x30";

test "a connection that is there and cannot be watched is given back" {
    var world: World = .{};
    try world.setUp();
    // A watch carries a copy of it.
    world.kernel.single = own_endpoint;
    const to: dsoftbus.edge.Address = .{ .ip = .{ 10, 42, 0, 11 }, .port = 0x8708 };
    try testing.expectEqual(null, world.edge.connect(to));
    try testing.expectEqualStrings("NS\x01\x0d\x2b\x00\x00\x00", world.asked(.abort)[0].bytes);
    try world.tearDown();
}

test "accepting gives the socket and the address that the network saw" {
    var world: World = .{};
    try world.setUp();
    fake.chosen = &.{.{ .op = .accept, .tail = one_accepted }};
    const accepted = world.edge.accept().?;
    try testing.expectEqual(@as(u32, 0x50), accepted.socket);
    try testing.expectEqual([4]u8{ 10, 42, 0, 99 }, accepted.ip);
    try testing.expectEqual(@as(usize, 3), world.asked(.watch).len);
    try testing.expectEqual(null, world.edge.accept());
    fake.chosen = &.{.{ .op = .accept, .status = .io }};
    try testing.expectEqual(null, world.edge.accept());
    try world.tearDown();
}

test "what comes next is asked for under its token, and comes to our own endpoint" {
    var world: World = .{};
    try world.setUp();
    try testing.expect(world.edge.await(7, 0xDEAD, 300));
    const sent = world.asked(.read_later)[0];
    try testing.expectEqualSlices(
        u8,
        "NS\x01\x0f\x07\x00\x00\x00\x2c\x01\xad\xde\x00\x00\x00\x00\x00\x00",
        sent.bytes,
    );
    try testing.expect(sent.moved != null);
    world.kernel.deaf = .{ .slot = fake.netstackd, .errno = .timed_out };
    try testing.expect(!world.edge.await(7, 0xDEAD, 300));
    try world.tearDown();
}

test "writing says how much was taken, and nothing more than that it failed" {
    var world: World = .{};
    try world.setUp();
    try testing.expectEqual(@as(usize, 5), try world.edge.write(7, "hello"));
    try testing.expectEqualSlices(
        u8,
        "NS\x01\x05\x07\x00\x00\x00\x05\x00hello",
        world.asked(.write)[0].bytes,
    );
    fake.chosen = &.{
        .{ .op = .write, .status = .would_block },
        .{ .op = .write, .status = .io },
        .{ .op = .write, .tail = "\x06\x00" },
        .{ .op = .write, .tail = "\x02\x00" },
    };
    try testing.expectEqual(@as(usize, 0), try world.edge.write(7, "hello"));
    try testing.expectError(error.Failed, world.edge.write(7, "hello"));
    // More than there was: netstackd is not believed.
    try testing.expectError(error.Failed, world.edge.write(7, "hello"));
    try testing.expectEqual(@as(usize, 2), try world.edge.write(7, "hello"));
    world.edge.close(7);
    world.edge.abort(8);
    try testing.expectEqualSlices(u8, "NS\x01\x0b\x07\x00\x00\x00", world.asked(.close)[0].bytes);
    try testing.expectEqualSlices(u8, "NS\x01\x0d\x08\x00\x00\x00", world.asked(.abort)[0].bytes);
    try world.tearDown();
}

test "datagrams go to the discovery port, and come with their source" {
    var world: World = .{};
    try world.setUp();
    try testing.expect(world.edge.say(.{ 239, 42, 0, 1 }, "abc"));
    const said = world.asked(.udp_send_to)[0].bytes;
    try testing.expectEqualSlices(u8, "NS\x01\x07\x29\x00\x00\x00\xef\x2a\x00\x01", said[0..12]);
    const port = std.mem.readInt(u16, said[12..14], .little);
    try testing.expectEqual(dsoftbus.announce.port, port);
    try testing.expectEqualSlices(u8, "\x03\x00abc", said[14..]);
    fake.chosen = &.{.{ .op = .udp_send_to, .status = .io }};
    try testing.expect(!world.edge.say(.{ 239, 42, 0, 1 }, "abc"));
    var buffer: [16]u8 = undefined;
    try testing.expectEqual(null, world.edge.hear(&buffer));
    fake.chosen = &.{
        .{ .op = .udp_recv_from, .tail = "\x02\x00" ++ "\x0a\x2a\x00\x0b" ++ "\x01\x00" ++ "hi" },
        .{ .op = .udp_recv_from, .status = .io },
    };
    const heard = world.edge.hear(&buffer).?;
    try testing.expectEqual([4]u8{ 10, 42, 0, 11 }, heard.ip);
    try testing.expectEqualStrings("hi", heard.bytes);
    try testing.expectEqual(null, world.edge.hear(&buffer));
    try world.tearDown();
}

test "entropy is thirty-two bytes of rngd or none at all" {
    var world: World = .{};
    try world.setUp();
    try testing.expectEqualStrings("e" ** 32, &world.edge.entropy().?);
    try testing.expectEqualSlices(
        u8,
        "RN\x01\x01\x20\x00",
        world.kernel.sentTo(fake.rngd)[0].bytes,
    );
    fake.entropy = "e" ** 31;
    try testing.expectEqual(null, world.edge.entropy());
    fake.entropy = "e" ** 32;
    fake.entropy_status = .io;
    try testing.expectEqual(null, world.edge.entropy());
    try world.tearDown();
}

test "a local service is asked under a ticket, without waiting" {
    var world: World = .{};
    try world.setUp();
    try testing.expectEqual(.sent, world.edge.ask(.samgrd, 0x55, "question"));
    const sent = world.kernel.sentTo(fake.samgrd)[0];
    try testing.expectEqualStrings("question", sent.bytes);
    try testing.expectEqual(@as(u16, 0x55), sent.type);
    try testing.expect(sent.moved != null and !sent.is_waiting);
    world.kernel.deaf = .{ .slot = fake.samgrd, .errno = .again };
    try testing.expectEqual(.full, world.edge.ask(.samgrd, 0x56, "question"));
    world.kernel.deaf = .{ .slot = fake.samgrd, .errno = .pipe };
    try testing.expectEqual(.absent, world.edge.ask(.samgrd, 0x56, "question"));
    // No route to it.
    try testing.expectEqual(.absent, world.edge.ask(.logd, 0x56, "question"));
    // Each service has a route of its own.
    try testing.expectEqual(.sent, world.edge.ask(.statefsd, 0x57, "other"));
    try testing.expectEqualStrings("other", world.kernel.sentTo(fake.statefsd)[0].bytes);
    try world.tearDown();
}

test "an answer goes to its client, and is reported once" {
    var world: World = .{};
    try world.setUp();
    const back = try os.sys.capClone(own_endpoint, os.abi.Right.send);
    world.edge.answer(.{ .slot = back, .sequence = 9 }, "done");
    const sent = world.kernel.sentTo(back)[0];
    try testing.expectEqualStrings("done", sent.bytes);
    try testing.expectEqual(@as(u16, 9), sent.type);
    try testing.expect(world.edge.hasAnswered());
    try testing.expect(!world.edge.hasAnswered());
    world.edge.print("a line with {d}", .{1});
    try testing.expectEqualStrings("a line with 1\n", world.kernel.said());
    try world.tearDown();
}

test "the kernel says which service an answer is from" {
    for (edge_file.services) |service| {
        const id = os.serviceId(@tagName(service));
        try testing.expectEqual(service, edge_file.serviceOf(id).?);
        try testing.expectEqual(null, edge_file.serviceOf(id ^ 1));
    }
    try testing.expectEqual(null, edge_file.serviceOf(os.serviceId("policyd")));
    try testing.expectEqual(null, edge_file.serviceOf(0));
}
