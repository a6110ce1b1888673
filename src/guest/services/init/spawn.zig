//! Starting a service: a task from the boot archive, with the slots that docs/spec/kernel-abi.md
//! promises it.

const std = @import("std");
const nxbf = @import("nxbf");
const os = @import("os");
const devices = @import("devices.zig");

const stack_pages = 16;
const inbox_depth = 16;
const server_depth = 16;
/// dsoftbusd asks several services at once and takes their answers where requests and events of the
/// network come too: none of them may find the queue full.
const bus_depth = os.abi.endpoint_depth_max;

const Right = os.abi.Right;
const Slot = os.Slot;

pub const Error = os.Error || error{NotInArchive};

pub const Service = struct {
    name: []const u8,
    id: u64,
    pid: u32,
    /// SEND to its server endpoint, handed on along permitted routes.
    server: Slot,
};

pub fn spawn(name: []const u8, archive: nxbf.Archive, map: devices.Map) Error!Service {
    const elf = archive.find(name) orelse return error.NotInArchive;
    const pid = try os.sys.exec(elf, stack_pages, name);
    _ = try os.sys.capTransferTo(
        pid,
        os.abi.slot.init_control,
        Right.send,
        os.abi.slot.init_control,
    );
    try givePair(
        pid,
        try os.sys.endpointCreate(inbox_depth),
        os.abi.slot.inbox_recv,
        os.abi.slot.inbox_send,
    );
    const is_bus = std.mem.eql(u8, name, "dsoftbusd");
    const endpoint = try os.sys.endpointCreate(if (is_bus) bus_depth else server_depth);
    const server = try os.sys.capClone(endpoint, Right.send);
    try givePair(pid, endpoint, os.abi.slot.server_recv, os.abi.slot.server_send);
    if (map.slotOf(name)) |slot| try devices.grant(pid, slot);
    try os.sys.taskResume(pid);
    return .{ .name = name, .id = os.serviceId(name), .pid = pid, .server = server };
}

/// Both ends of an endpoint go to the child; init's own capability is closed, so that the endpoint
/// dies with it.
fn givePair(pid: u32, endpoint: Slot, recv_slot: Slot, send_slot: Slot) os.Error!void {
    defer os.sys.capClose(endpoint);
    _ = try os.sys.capTransferTo(pid, endpoint, Right.recv, recv_slot);
    _ = try os.sys.capTransferTo(pid, endpoint, Right.send, send_slot);
}
