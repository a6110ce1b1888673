//! What init does for the services, on a stand-in for the kernel: which capabilities a new one
//! gets, which device, and what each service is answered.

const std = @import("std");
const contract = @import("contract");
const nxbf = @import("nxbf");
const os = @import("os");
const os_fake = @import("os_fake");
const wire = @import("wire");
const config = @import("init_config");
const devices = @import("devices.zig");
const serve = @import("serve.zig");
const spawn = @import("spawn.zig");
const testing = std.testing;
const Kernel = os_fake.Kernel;
const Right = os.abi.Right;
const slot = os.abi.slot;

const slot_words = 0x1000 / 4;
const Device = contract.node.DeviceSlot;

/// A board with these devices in its slots, by number.
fn board(registers: []u32, ids: [8]u32) void {
    @memset(registers, 0);
    for (ids, 0..) |id, at| {
        registers[at * slot_words] = 0x7472_6976;
        registers[at * slot_words + 1] = 2;
        registers[at * slot_words + 2] = id;
    }
}

fn usualIds() [8]u32 {
    var ids: [8]u32 = @splat(0);
    ids[@intFromEnum(Device.network)] = 1;
    ids[@intFromEnum(Device.entropy)] = 4;
    ids[@intFromEnum(Device.state)] = 2;
    ids[@intFromEnum(Device.packages)] = 2;
    return ids;
}

test "each driver gets the device of its kind in its own place" {
    const registers = try testing.allocator.alignedAlloc(u32, .of(u64), 8 * slot_words);
    defer testing.allocator.free(registers);
    board(registers, usualIds());
    var kernel: Kernel = .{ .name = "init", .registers = registers };
    defer kernel.deinit();
    kernel.install();
    const map = try devices.Map.probe();
    try testing.expectEqual(@as(usize, 0), kernel.open.items.len);
    try testing.expectEqual(@as(usize, 1), kernel.countOf(.vm_unmap));
    try testing.expectEqual(
        [6]u64{ slot.factory, 0x1000_1000, 0x8000, 0, 0, 0 },
        kernel.calls.items[0].args,
    );
    const Case = struct { []const u8, Device };
    for ([_]Case{
        .{ "netstackd", .network },
        .{ "rngd", .entropy },
        .{ "statefsd", .state },
        .{ "packagefsd", .packages },
    }) |case| try testing.expectEqual(@as(?u32, @intFromEnum(case[1])), map.slotOf(case[0]));
    try testing.expectEqual(@as(?u32, null), map.slotOf("logd"));
}

test "another kind of device, an older one, or none, is given to no service" {
    const registers = try testing.allocator.alignedAlloc(u32, .of(u64), 8 * slot_words);
    defer testing.allocator.free(registers);
    for (0..4) |fault| {
        board(registers, usualIds());
        const at = @as(usize, @intFromEnum(Device.entropy)) * slot_words;
        switch (fault) {
            0 => registers[at] ^= 1,
            1 => registers[at + 1] = 1,
            2 => registers[at + 2] = 2,
            else => @memset(registers[at..][0..3], 0),
        }
        var kernel: Kernel = .{ .name = "init", .registers = registers };
        defer kernel.deinit();
        kernel.install();
        const map = try devices.Map.probe();
        try testing.expectEqual(@as(?u32, null), map.slotOf("rngd"));
        try testing.expect(map.slotOf("netstackd") != null);
    }
}

/// An archive of one file of this name; its contents are its name.
fn archiveOf(buffer: *[8192]u8, name: []const u8) !nxbf.Archive {
    @memset(buffer, 0);
    @memcpy(buffer[0..4], contract.node.archive_magic);
    std.mem.writeInt(u16, buffer[4..6], contract.node.archive_version, .little);
    std.mem.writeInt(u16, buffer[6..8], 1, .little);
    @memcpy(buffer[8..][0..name.len], name);
    std.mem.writeInt(u64, buffer[40..48], 4096, .little);
    std.mem.writeInt(u64, buffer[48..56], name.len, .little);
    @memcpy(buffer[4096..][0..name.len], name);
    return nxbf.parse(buffer);
}

/// What was given to the child: from which slot, with which rights, into which.
fn given(kernel: *Kernel, into: u64) ![2]u64 {
    var found: ?[2]u64 = null;
    for (kernel.calls.items) |each| {
        if (each.number != .cap_transfer_to or each.args[3] != into) continue;
        try testing.expectEqual(null, found);
        try testing.expectEqual(@as(u64, 101), each.args[0]);
        found = .{ each.args[1], each.args[2] };
    }
    return found.?;
}

test "a service starts with its six or eight capabilities, and runs only then" {
    for ([_][]const u8{ "logd", "rngd", "dsoftbusd" }) |name| {
        var buffer: [8192]u8 = undefined;
        const archive = try archiveOf(&buffer, name);
        var map: devices.Map = .{};
        map.ids = usualIds();
        var kernel: Kernel = .{ .name = "init" };
        defer kernel.deinit();
        kernel.install();
        var service: spawn.Service = try .create(name);
        try service.start(archive, map);
        try testing.expectEqual(@as(u32, 101), service.pid);
        try testing.expectEqual(os.serviceId(name), service.id);
        try testing.expectEqualStrings(name, service.name);
        try testing.expectEqual([2]u64{ slot.init_control, Right.send }, try given(&kernel, 1));
        const inbox, const inbox_right = try given(&kernel, slot.inbox_recv);
        try testing.expectEqual(@as(u64, Right.recv), inbox_right);
        try testing.expectEqual([2]u64{ inbox, Right.send }, try given(&kernel, slot.inbox_send));
        const server, const server_right = try given(&kernel, slot.server_recv);
        try testing.expectEqual(@as(u64, Right.recv), server_right);
        try testing.expectEqual([2]u64{ server, Right.send }, try given(&kernel, slot.server_send));
        try testing.expect(server != inbox);
        try testing.expectEqual(@as(u64, service.endpoint), server);
        // What init keeps is the way to its server, and nothing else.
        try testing.expectEqualSlices(os.Slot, &.{service.endpoint}, kernel.open.items);
        const is_bus = std.mem.eql(u8, name, "dsoftbusd");
        var depths: [2]u64 = undefined;
        var count: usize = 0;
        for (kernel.calls.items) |each| if (each.number == .endpoint_create) {
            depths[count] = each.args[1];
            count += 1;
        };
        try testing.expectEqual([2]u64{ if (is_bus) 64 else 16, 16 }, depths);
        const last = kernel.calls.items[kernel.calls.items.len - 1];
        try testing.expectEqual(.task_resume, last.number);
        try testing.expectEqual(@as(u64, 101), last.args[0]);
        if (!std.mem.eql(u8, name, "rngd")) continue;
        try testing.expectEqual(@as(u64, Right.map), (try given(&kernel, slot.mmio))[1]);
        try testing.expectEqual(@as(u64, Right.recv), (try given(&kernel, slot.irq))[1]);
        const number = @intFromEnum(Device.entropy);
        for (kernel.calls.items) |each| switch (each.number) {
            .device_cap_create => {
                const base = 0x1000_1000 + @as(u64, number) * 0x1000;
                try testing.expectEqual(base, each.args[1]);
                try testing.expectEqual(@as(u64, 0x1000), each.args[2]);
            },
            .irq_create => try testing.expectEqual(@as(u64, number + 1), each.args[1]),
            else => {},
        };
        try testing.expectEqual(@as(usize, 1), kernel.countOf(.irq_create));
    }
}

test "what is not in the archive is not started" {
    var buffer: [8192]u8 = undefined;
    const archive = try archiveOf(&buffer, "logd");
    var kernel: Kernel = .{ .name = "init" };
    defer kernel.deinit();
    kernel.install();
    var service: spawn.Service = try .create("log");
    try testing.expectError(error.NotInArchive, service.start(archive, .{}));
    try testing.expectEqual(@as(u32, 0), service.pid);
    service.bury();
    try testing.expectEqual(@as(usize, 0), kernel.open.items.len);
    try testing.expectEqual(@as(usize, 0), kernel.countOf(.exec));
}

const logd = os.serviceId("logd");
const policyd = os.serviceId("policyd");
const section = "\x01\x00\x04\x00logd\x01\x00\x07\x00policyd" ++ "\x02\x00\x0c\x00policyd>logd" ++
    "\x02\x00\x0c\x00policyd>gone";

fn route(comptime sender: u64, comptime name: []const u8) os_fake.Step {
    const frame = "RT\x01\x40" ++ [_]u8{name.len} ++ name;
    return .{ .message = .{ .sender = sender, .pid = 55, .payload = frame } };
}

fn child(pid: u32, reason: u32, code: u64) os.abi.ChildExit {
    return .{ .pid = pid, .reason = reason, .code = code, .addr = 0, .pc = 0, .service_id = 0 };
}

/// A blob whose only section is this service's.
fn blobOf(buffer: []u8, owner: u64, bytes: []const u8) config.Blob {
    const head = config.header_bytes + 16;
    @memset(buffer[0..head], 0);
    std.mem.writeInt(u64, buffer[config.header_bytes..][0..8], owner, .little);
    std.mem.writeInt(u32, buffer[config.header_bytes + 8 ..][0..4], head, .little);
    std.mem.writeInt(u32, buffer[config.header_bytes + 12 ..][0..4], @intCast(bytes.len), .little);
    @memcpy(buffer[head..][0..bytes.len], bytes);
    return .{ .bytes = buffer[0 .. head + bytes.len], .count = 1 };
}

/// init of two services, one of them in the archive, runs until the script ends.
fn follow(kernel: *Kernel, name: []const u8, services: []spawn.Service, map: devices.Map) !void {
    kernel.install();
    try kernel.open.appendSlice(kernel.arena.allocator(), &.{ 71, 72 });
    var buffer: [256]u8 = undefined;
    var archive: [8192]u8 = undefined;
    const plan = try config.parsePlan(section);
    var server: serve.Server = .{
        .blob = blobOf(&buffer, policyd, "own"),
        .plan = &plan,
        .services = services,
        .archive = try archiveOf(&archive, name),
        .map = map,
    };
    try testing.expectError(error.Broken, server.run());
}

test "which service may reach which, its section, and what ended" {
    const exited = child(101, 0, 3);
    const crashed = child(102, 1, 13);
    const unknown = child(7, 0, 0);
    const ended = os.abi.KernelMsg.child_exit;
    var kernel: Kernel = .{
        .name = "init",
        .script = &.{
            route(policyd, "logd"),
            route(logd, "policyd"),
            route(policyd, "gone"),
            route(policyd, "nobody"),
            .{ .message = .{ .sender = policyd, .payload = "RT\x01\x40\x05logd" } },
            .{ .message = .{ .sender = policyd, .payload = "RT\x01\x40\x00" } },
            .{ .message = .{ .sender = policyd, .payload = "RT\x01\x42" } },
            .{ .message = .{ .sender = logd, .payload = "RT\x01\x42" } },
            .{ .message = .{ .sender = policyd, .payload = "RT\x01\x42\x00" } },
            // A name has a letter at least, and 48 at most.
            .{ .message = .{ .sender = policyd, .payload = "RT\x01\x40" } },
            route(policyd, "l"),
            route(policyd, "l" ** 48),
            route(policyd, "l" ** 49),
            .{ .message = .ofKernel(ended, std.mem.asBytes(&exited)) },
            .{ .message = .ofKernel(ended, std.mem.asBytes(&crashed)) },
            .{ .message = .ofKernel(ended, std.mem.asBytes(&unknown)) },
            .{ .message = .ofKernel(ended, std.mem.asBytes(&exited)[0..39]) },
            .{ .message = .ofKernel(ended - 1, std.mem.asBytes(&exited)) },
        },
    };
    defer kernel.deinit();
    var services = [_]spawn.Service{
        // It may be reached, and does not run.
        .{ .name = "gone", .id = os.serviceId("gone"), .endpoint = 73 },
        .{ .name = "logd", .id = logd, .pid = 101, .endpoint = 71 },
        .{ .name = "probe", .id = policyd, .pid = 102, .endpoint = 72 },
    };
    try follow(&kernel, "logd", &services, .{});
    const granted = kernel.calls.items[0];
    try testing.expectEqual(@as(usize, 1), kernel.countOf(.cap_transfer_to));
    // To the process that asked, from the slot of the service, for sending alone, into a free one.
    try testing.expectEqual([6]u64{ 55, 71, Right.send, os.abi.no_slot, 0, 0 }, granted.args);
    const answers = [_][]const u8{
        "RT\x01\x41\x00\x89\x13\x00\x00",
        "RT\x01\x41\x03\x00\x00\x00\x00",
        "RT\x01\x41\x01\x00\x00\x00\x00",
        "RT\x01\x41\x03\x00\x00\x00\x00",
        "RT\x01\x41\x02\x00\x00\x00\x00",
        "RT\x01\x41\x02\x00\x00\x00\x00",
        "RT\x01\x43\x00\x03\x00own",
        "RT\x01\x43\x01\x00\x00",
        "RT\x01\x41\x02\x00\x00\x00\x00",
        "RT\x01\x41\x02\x00\x00\x00\x00",
        "RT\x01\x41\x03\x00\x00\x00\x00",
        "RT\x01\x41\x03\x00\x00\x00\x00",
        "RT\x01\x41\x02\x00\x00\x00\x00",
    };
    for (answers, 0..) |expected, index| {
        try testing.expectEqualSlices(u8, expected, try kernel.replyTo(@intCast(index)));
    }
    try testing.expectEqualStrings(
        "init: service exited name=logd code=3\n" ++
            "init: service crashed name=probe cause=13\n" ++
            "init: service exited name=? code=0\n",
        kernel.said(),
    );
}

fn ends(report: *const os.abi.ChildExit) os_fake.Step {
    return .{ .message = .ofKernel(os.abi.KernelMsg.child_exit, std.mem.asBytes(report)) };
}

test "a driver that crashed begins anew three times, on its endpoint and a device that was reset" {
    const registers = try testing.allocator.alignedAlloc(u32, .of(u64), 8 * slot_words);
    defer testing.allocator.free(registers);
    @memset(registers, 7);
    const deaths = [_]os.abi.ChildExit{
        child(50, 1, 13),
        child(101, 0, os.exit_again),
        child(102, 1, 13),
        child(103, 1, 13),
    };
    var kernel: Kernel = .{ .name = "init", .registers = registers, .script = &.{
        ends(&deaths[0]), ends(&deaths[1]), ends(&deaths[2]), ends(&deaths[3]),
    } };
    defer kernel.deinit();
    var map: devices.Map = .{};
    map.ids = usualIds();
    var services = [_]spawn.Service{
        .{ .name = "rngd", .id = os.serviceId("rngd"), .pid = 50, .endpoint = 71 },
        .{ .name = "logd", .id = logd, .pid = 51, .endpoint = 72 },
    };
    try follow(&kernel, "rngd", &services, map);
    try testing.expectEqualStrings(
        "init: service crashed name=rngd cause=13\ninit: restart rngd (1 of 3)\ninit: up rngd\n" ++
            "init: service exited name=rngd code=75\ninit: restart rngd (2 of 3)\n" ++
            "init: up rngd\n" ++
            "init: service crashed name=rngd cause=13\ninit: restart rngd (3 of 3)\n" ++
            "init: up rngd\n" ++
            "init: service crashed name=rngd cause=13\ninit: gave up rngd\n",
        kernel.said(),
    );
    try testing.expectEqual(@as(usize, 3), kernel.countOf(.exec));
    for (kernel.calls.items) |each| {
        if (each.number != .cap_transfer_to or each.args[3] != slot.server_recv) continue;
        try testing.expectEqual(@as(u64, 71), each.args[1]);
    }
    try testing.expectEqual(@as(u32, 0), registers[0x070 / 4]);
    try testing.expectEqual(@as(u32, 7), registers[0x074 / 4]);
    // Its clients learn that it is no more.
    try testing.expectEqualSlices(os.Slot, &.{72}, kernel.open.items);
    try testing.expectEqual(@as(u32, 0), services[0].pid);
}

test "a registry that begins anew learns from init which services run" {
    const death = child(50, 1, 13);
    var kernel: Kernel = .{ .name = "init", .script = &.{ends(&death)} };
    defer kernel.deinit();
    var services = [_]spawn.Service{
        .{ .name = "samgrd", .id = os.serviceId("samgrd"), .pid = 50, .endpoint = 71 },
        .{ .name = "logd", .id = logd, .pid = 51, .endpoint = 72 },
    };
    try follow(&kernel, "samgrd", &services, .{});
    const sent = kernel.sentTo(71);
    try testing.expectEqual(@as(usize, 1), sent.len);
    const registered = wire.samgr.decodeRequest(sent[0].bytes).request.register;
    try testing.expectEqualStrings("logd", registered.name);
    try testing.expectEqual(slot.server_send, registered.slots.send);
}

test "a program that ended, and a service that meant to, are not started again" {
    const deaths = [_]os.abi.ChildExit{ child(50, 1, 13), child(51, 0, 1) };
    var kernel: Kernel = .{ .name = "init", .script = &.{ ends(&deaths[0]), ends(&deaths[1]) } };
    defer kernel.deinit();
    var services = [_]spawn.Service{
        .{ .name = "probe", .id = os.serviceId("probe"), .pid = 50, .endpoint = 71 },
        .{ .name = "logd", .id = logd, .pid = 51, .endpoint = 72 },
    };
    try follow(&kernel, "logd", &services, .{});
    try testing.expectEqual(@as(usize, 0), kernel.countOf(.exec));
    try testing.expectEqual(@as(usize, 0), kernel.open.items.len);
}

test {
    _ = @import("start_test.zig");
}
