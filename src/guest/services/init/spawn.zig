//! Starting a service: a task from the boot archive, with the slots that docs/spec/kernel-abi.md
//! promises it.

const std = @import("std");
const nxbf = @import("nxbf");
const os = @import("os");
const devices = @import("devices.zig");
const lives = @import("init_config").lives;

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
    /// The pid of the service; 0: it does not run.
    pid: u32 = 0,
    /// Its server endpoint. init keeps it, so that a SEND slot to it reaches the next life of the
    /// service, too, and requests that came meanwhile get an answer.
    endpoint: Slot,
    lives: lives.Lives = .{},

    pub fn create(name: []const u8) Error!Service {
        const is_bus = std.mem.eql(u8, name, "dsoftbusd");
        return .{
            .name = name,
            .id = os.serviceId(name),
            .endpoint = try os.sys.endpointCreate(if (is_bus) bus_depth else server_depth),
        };
    }

    pub fn start(self: *Service, archive: nxbf.Archive, map: devices.Map) Error!void {
        const elf = archive.find(self.name) orelse return error.NotInArchive;
        const pid = try os.sys.exec(elf, stack_pages, self.name);
        _ = try os.sys.capTransferTo(
            pid,
            os.abi.slot.init_control,
            Right.send,
            os.abi.slot.init_control,
        );
        const inbox = try os.sys.endpointCreate(inbox_depth);
        defer os.sys.capClose(inbox); // it dies with the child
        try givePair(pid, inbox, os.abi.slot.inbox_recv, os.abi.slot.inbox_send);
        const own = self.endpoint;
        try givePair(pid, own, os.abi.slot.server_recv, os.abi.slot.server_send);
        if (map.slotOf(self.name)) |slot| try devices.grant(pid, slot);
        try os.sys.taskResume(pid);
        self.pid = pid;
        self.lives.begin(os.nsec());
    }

    /// The service will not run again, and its clients learn so.
    pub fn bury(self: *Service) void {
        os.sys.capClose(self.endpoint);
    }
};

/// Both ends of an endpoint, for the child.
fn givePair(pid: u32, endpoint: Slot, recv_slot: Slot, send_slot: Slot) os.Error!void {
    _ = try os.sys.capTransferTo(pid, endpoint, Right.recv, recv_slot);
    _ = try os.sys.capTransferTo(pid, endpoint, Right.send, send_slot);
}
