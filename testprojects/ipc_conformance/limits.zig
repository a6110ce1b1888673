//! What the kernel must refuse, and that a refusal leaves the service as it was.

const std = @import("std");
const os = @import("os");
const expect = @import("expect.zig");

const slot = os.abi.slot;
const Right = os.abi.Right;
var buffer: [64]u8 = undefined;

pub fn rights() !void {
    try expect.refusal(
        os.send(slot.inbox_recv, "", .{}),
        error.Denied,
        "send with the right to receive",
    );
    try expect.refusal(
        os.recv(slot.inbox_send, &buffer, 1),
        error.Denied,
        "receive with the right to send",
    );
    try expect.refusal(
        os.sys.capClone(slot.inbox_send, Right.recv),
        error.Denied,
        "clone with more rights",
    );
    try expect.refusal(os.sys.capClone(slot.inbox_send, 0), error.Invalid, "clone without rights");
    try expect.refusal(
        os.send(slot.server_send, "", .{ .move = slot.inbox_recv }),
        error.Denied,
        "move of a receiver",
    );
    try expect.refusal(os.sys.capQuery(slot.inbox_send), error.Denied, "query without MAP");
    try expect.refusal(os.sys.capClone(63, Right.send), error.BadSlot, "empty slot");
    try expect.refusal(os.sys.capClone(64, Right.send), error.BadSlot, "slot outside the table");
}

pub fn factory() !void {
    try expect.refusal(os.sys.endpointCreate(4), error.BadSlot, "endpoint without the factory");
    try expect.refusal(os.sys.exec("x", 1, "x"), error.Denied, "task without the factory");
    try expect.refusal(
        os.sys.deviceCapCreate(0x1000_1000, 4096),
        error.BadSlot,
        "device without the factory",
    );
    try expect.refusal(os.sys.irqCreate(1), error.BadSlot, "interrupt without the factory");
    try expect.refusal(os.sys.taskResume(1), error.NotFound, "resume of somebody else's task");
    const other = os.sys.capTransferTo(1, slot.inbox_send, Right.send, os.abi.no_slot);
    try expect.refusal(other, error.NotFound, "transfer to somebody else's task");
}

pub fn badArguments() !void {
    const header: os.abi.MsgHeader = .{ .len = 3 };
    try expect.refusal(
        os.sys.ipcSend(slot.server_send, &header, "four", 0, 0),
        error.Invalid,
        "two lengths",
    );
    try expect.refusal(
        os.sys.ipcSend(slot.server_send, &header, "abc", 2, 0),
        error.Invalid,
        "unknown send flag",
    );
    const flagged: os.abi.MsgHeader = .{ .len = 3, .flags = 2 };
    try expect.refusal(
        os.sys.ipcSend(slot.server_send, &flagged, "abc", 0, 0),
        error.Invalid,
        "unknown header flag",
    );
    const long = @as(
        [*]const u8,
        @ptrFromInt(os.abi.layout.image_base),
    )[0 .. os.abi.payload_bytes_max + 1];
    try expect.refusal(os.send(slot.server_send, long, .{}), error.TooBig, "8193 bytes");
    var sender: u64 = 0;
    var into: os.abi.MsgHeader = .{};
    const flags = os.sys.ipcRecv(slot.server_recv, &into, &buffer, &sender, 4, 0);
    try expect.refusal(flags, error.Invalid, "unknown receive flag");
    try expect.refusal(os.sys.vmoCreate(0), error.Invalid, "object without length");
    try expect.refusal(
        os.sys.vmUnmap(os.abi.layout.image_base, 4096),
        error.Invalid,
        "unmap of the image",
    );
}

pub fn badPointers() !void {
    const nowhere: *const os.abi.MsgHeader = @ptrFromInt(0x8000_0000);
    try expect.refusal(
        os.sys.ipcSend(slot.server_send, nowhere, "", 0, 0),
        error.Fault,
        "header in the kernel",
    );
    const guard = @as([*]const u8, @ptrFromInt(os.abi.layout.stack_top))[0..4];
    try expect.refusal(
        os.send(slot.server_send, guard, .{}),
        error.Fault,
        "payload in the guard page",
    );
    try os.send(slot.server_send, "kept", .{});
    const code = @as([*]u8, @ptrFromInt(os.abi.layout.image_base))[0..64];
    try expect.refusal(os.recv(slot.server_recv, code, 0), error.Fault, "receive into code");
    const message = try os.recv(slot.server_recv, &buffer, 0);
    try expect.that(std.mem.eql(u8, message.payload, "kept"), "the message stayed queued");
}

pub fn executableMapping() !void {
    const object = try os.sys.vmoCreate(4096);
    defer os.sys.capClose(object);
    try expect.refusal(os.sys.vmMap(object, 0, 4096, 1 | 4), error.Invalid, "R+X mapping");
    try expect.refusal(os.sys.vmMap(object, 0, 4096, 1 | 2 | 4), error.Invalid, "W+X mapping");
    try expect.refusal(
        os.sys.vmMap(object, 0, 8192, 1),
        error.Invalid,
        "mapping longer than the object",
    );
}

pub fn memoryObject() !void {
    const dma = try os.Dma.create(3 * 4096);
    for (dma.virtual) |byte| try expect.that(byte == 0, "new memory is zero");
    @memset(dma.virtual, 0x5A);
    const again = try os.sys.vmMap(dma.slot, 4096, 4096, os.abi.Prot.read);
    try expect.that(@as(*const u8, @ptrFromInt(again)).* == 0x5A, "two mappings of one object");
    const info = try os.sys.capQuery(dma.slot);
    try expect.that(info.kind == 1 and info.len == 3 * 4096 and info.base >= 0x8000_0000, "query");
    os.sys.capClose(dma.slot);
    try expect.that(dma.virtual[0] == 0x5A, "mapped memory outlives its capability");
    try os.sys.vmUnmap(again, 4096);
    try os.sys.vmUnmap(@intFromPtr(dma.virtual.ptr), dma.virtual.len);
    try expect.refusal(os.sys.vmUnmap(again, 4096), error.Invalid, "unmap twice");
}
