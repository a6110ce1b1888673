//! A stand-in for the kernel below one service, on the host. The service's `main` runs unchanged
//! and takes a script of messages. A test then looks at what it sent, printed and left open.
//!
//!     var kernel: os_fake.Kernel = .{ .name = "policyd", .script = &.{
//!         .{ .message = .{ .sender = alice, .payload = frame } },
//!     } };
//!     try kernel.play(service.main); // to the end of the script
//!     try testing.expectEqualStrings(reply, kernel.sentTo(client)[0]);
//!
//! Rules of this file
//! ------------------
//! 1. There is one service with one thread, and no other task: the script and `answer` act for
//!    others.
//! 2. Time goes on only when the service waits, to the deadline or to the script's next step.
//! 3. A capability that was cloned or came with a message is open until it is closed or sent away;
//!    closing one that is not open panics.
//! 4. `catch unreachable` stands behind each allocation: a test that runs out of memory ends.
//!
//! Circle: with disk.zig. The disk is a device of this kernel and reads the service's memory
//! through it; the kernel lets the disk serve when its driver waits.

const std = @import("std");
const os = @import("os");
const abi = os.abi;
pub const Disk = @import("disk.zig").Disk;
pub const disk = @import("disk.zig");
pub const ring = @import("ring.zig");
pub const Ring = ring.Ring;

/// Where the reply of a message of the script goes, if it asks for one; the next message's is one
/// higher.
pub const client_slot: os.Slot = 1000;
/// What `os.route` gives for `Kernel.routes`, in their order.
pub const route_slot: os.Slot = 2000;
const fresh_slot: os.Slot = 3000;

pub const Message = struct {
    sender: u64 = 1,
    pid: u32 = 1,
    type: u16 = 0,
    payload: []const u8 = "",
    /// The sender waits for a reply.
    wants_reply: bool = true,
    /// As the kernel's own: sender 0, without a reply.
    pub fn ofKernel(kind: u16, payload: []const u8) Message {
        return .{ .sender = 0, .pid = 0, .type = kind, .payload = payload, .wants_reply = false };
    }
};

pub const Step = union(enum) {
    message: Message,
    /// Nothing comes until then.
    until_ns: u64,
    /// Something happens in the world around.
    does: *const fn (kernel: *Kernel) void,
};

pub const Sent = struct {
    slot: os.Slot,
    type: u16,
    moved: ?os.Slot,
    is_waiting: bool,
    at_ns: u64,
    bytes: []const u8,
};

/// The answer of another service to a call; null: it is silent, so the caller's time runs out.
pub const Answer = *const fn (kernel: *Kernel, slot: os.Slot, request: []const u8) ?[]const u8;

const Waiting = struct { type: u16, bytes: []const u8 };

pub const Kernel = struct {
    name: []const u8,
    script: []const Step = &.{},
    /// The service's section of the configuration.
    config: []const u8 = "",
    /// The answer of init to every request, in place of its usual one.
    init_says: ?[]const u8 = null,
    routes: []const []const u8 = &.{},
    answer: ?Answer = null,
    /// Called when the service waits at its inbox and nothing is there: a device may work then.
    idle: ?*const fn (kernel: *Kernel) void = null,
    /// Sends to this slot fail with this error.
    deaf: ?struct { slot: os.Slot, errno: abi.Errno } = null,
    /// A clone of this slot fails.
    single: ?os.Slot = null,
    /// The registers of the service's device, which mmio_map gives.
    registers: ?[]align(8) u32 = null,
    now_ns: u64 = 1_000_000,

    at: usize = 0,
    arena: std.heap.ArenaAllocator = .init(std.heap.page_allocator),
    sent: std.ArrayList(Sent) = .empty,
    console: std.ArrayList(u8) = .empty,
    open: std.ArrayList(os.Slot) = .empty,
    inbox: std.ArrayList(Waiting) = .empty,
    /// Every other system call, by its number, with its arguments.
    calls: std.ArrayList(struct { number: abi.Syscall, args: [6]u64 }) = .empty,
    slots_made: u32 = 0,
    messages_given: u32 = 0,
    memory: std.AutoHashMapUnmanaged(os.Slot, []align(4096) u8) = .empty,

    /// From here on this kernel takes the system calls of the test.
    pub fn install(self: *Kernel) void {
        current = self;
        os.sys.stand_in = take;
        os.name_on_host = self.name;
    }

    /// Run a service's `main` on this kernel until the script has ended.
    pub fn play(self: *Kernel, main: anytype) !void {
        self.install();
        try std.testing.expectError(error.Broken, main());
    }

    pub fn deinit(self: *Kernel) void {
        self.arena.deinit();
    }

    /// The messages that were sent to a slot, in order.
    pub fn sentTo(self: *Kernel, slot: os.Slot) []const Sent {
        var found: std.ArrayList(Sent) = .empty;
        for (self.sent.items) |each| {
            if (each.slot == slot) found.append(self.gpa(), each) catch unreachable;
        }
        return found.items;
    }

    /// The reply to the script's message number `index`; the test fails unless there is exactly
    /// one.
    pub fn replyTo(self: *Kernel, index: u32) ![]const u8 {
        const all = self.sentTo(client_slot + index);
        try std.testing.expectEqual(@as(usize, 1), all.len);
        return all[0].bytes;
    }

    /// The lines that the service printed since the last call of this function.
    pub fn said(self: *Kernel) []const u8 {
        defer self.console = .empty;
        return self.console.items;
    }

    pub fn countOf(self: *const Kernel, number: abi.Syscall) usize {
        var count: usize = 0;
        for (self.calls.items) |each| count += @intFromBool(each.number == number);
        return count;
    }

    fn gpa(self: *Kernel) std.mem.Allocator {
        return self.arena.allocator();
    }

    fn keep(self: *Kernel, bytes: []const u8) []const u8 {
        return self.gpa().dupe(u8, bytes) catch unreachable;
    }

    fn make(self: *Kernel) os.Slot {
        defer self.slots_made += 1;
        self.open.append(self.gpa(), fresh_slot + self.slots_made) catch unreachable;
        return fresh_slot + self.slots_made;
    }

    fn close(self: *Kernel, slot: os.Slot) void {
        for (self.open.items, 0..) |each, index| {
            if (each != slot) continue;
            _ = self.open.swapRemove(index);
            return;
        }
        std.debug.panic("slot {d} is closed or sent, and was not open", .{slot});
    }

    fn send(self: *Kernel, args: [6]u64) u64 {
        const slot: os.Slot = @intCast(args[0]);
        const header: *const abi.MsgHeader = @ptrFromInt(args[1]);
        const pointer: [*]const u8 = @ptrFromInt(args[2]);
        const bytes = self.keep(pointer[0..args[3]]);
        if (self.deaf) |deaf| if (deaf.slot == slot) return failure(deaf.errno);
        const is_moved = header.flags & abi.MsgFlag.cap_move != 0;
        if (is_moved) self.close(header.src);
        if (slot == abi.slot.init_control) return self.askInit(header.type, bytes);
        self.sent.append(self.gpa(), .{
            .slot = slot,
            .type = header.type,
            .moved = if (is_moved) header.src else null,
            .is_waiting = args[4] & abi.SendFlag.nonblock == 0,
            .at_ns = self.now_ns,
            .bytes = bytes,
        }) catch unreachable;
        // A message is a call only if it carries a way back.
        const answer = if (is_moved) self.answer else null;
        const reply = if (answer) |known| known(self, slot, bytes) else null;
        if (reply) |some| self.deliver(header.type, some);
        return 0;
    }

    /// Put an answer into the service's inbox.
    pub fn deliver(self: *Kernel, sequence: u16, bytes: []const u8) void {
        self.inbox.append(self.gpa(), .{
            .type = sequence,
            .bytes = self.keep(bytes),
        }) catch unreachable;
    }

    fn askInit(self: *Kernel, sequence: u16, request: []const u8) u64 {
        if (self.init_says) |said_by_init| {
            self.deliver(sequence, said_by_init);
            return 0;
        }
        if (std.mem.eql(u8, request, "RT\x01\x42")) {
            const reply = self.gpa().alloc(u8, 7 + self.config.len) catch unreachable;
            @memcpy(reply[0..5], "RT\x01\x43\x00");
            std.mem.writeInt(u16, reply[5..7], @intCast(self.config.len), .little);
            @memcpy(reply[7..], self.config);
            self.deliver(sequence, reply);
            return 0;
        }
        var reply: [9]u8 = "RT\x01\x41\x03\x00\x00\x00\x00".*;
        for (self.routes, 0..) |route, index| {
            if (!std.mem.eql(u8, request[5..], route)) continue;
            reply[4] = 0;
            std.mem.writeInt(u32, reply[5..9], route_slot + @as(u32, @intCast(index)), .little);
        }
        self.deliver(sequence, &reply);
        return 0;
    }

    fn receive(self: *Kernel, desc: *const abi.RecvDesc) u64 {
        if (desc.slot == abi.slot.inbox_recv) {
            if (self.inbox.items.len == 0) if (self.idle) |idle| idle(self);
            if (self.inbox.items.len == 0) return self.expire(desc);
            const first = self.inbox.orderedRemove(0);
            return give(desc, .{ .type = first.type }, 2, first.bytes);
        }
        while (self.at < self.script.len) switch (self.script[self.at]) {
            .message => |message| {
                self.at += 1;
                return self.hand(desc, message);
            },
            .until_ns => |until| {
                if (desc.deadline_ns != 0 and desc.deadline_ns < until) {
                    if (desc.deadline_ns > self.now_ns) self.now_ns = desc.deadline_ns;
                    return failure(.timed_out);
                }
                self.now_ns = @max(self.now_ns, until);
                self.at += 1;
            },
            .does => |does| {
                self.at += 1;
                does(self);
            },
        };
        return failure(.pipe);
    }

    fn hand(self: *Kernel, desc: *const abi.RecvDesc, message: Message) u64 {
        var header: abi.MsgHeader = .{ .dst = message.pid, .type = message.type };
        if (message.wants_reply) {
            header.flags = abi.MsgFlag.cap_move;
            header.src = client_slot + self.messages_given;
            self.open.append(self.gpa(), header.src) catch unreachable;
        }
        self.messages_given += 1;
        return give(desc, header, message.sender, message.payload);
    }

    fn expire(self: *Kernel, desc: *const abi.RecvDesc) u64 {
        if (desc.flags & abi.RecvFlag.nonblock != 0) return failure(.again);
        if (desc.deadline_ns == 0) return failure(.pipe);
        self.now_ns = @max(self.now_ns, desc.deadline_ns);
        return failure(.timed_out);
    }

    fn create(self: *Kernel, len: usize) u64 {
        // Memory is a service's own for as long as it lives.
        defer self.slots_made += 1;
        const slot = fresh_slot + self.slots_made;
        const pages = std.mem.alignForward(usize, len, 4096);
        const bytes = self.gpa().alignedAlloc(u8, .fromByteUnits(4096), pages) catch unreachable;
        @memset(bytes, 0);
        self.memory.put(self.gpa(), slot, bytes) catch unreachable;
        return slot;
    }

    fn query(self: *Kernel, args: [6]u64) u64 {
        const info: *abi.CapInfo = @ptrFromInt(args[1]);
        const bytes = self.memory.get(@intCast(args[0])) orelse return failure(.bad_slot);
        const kind = @intFromEnum(abi.CapKind.vmo);
        info.* = .{ .kind = kind, .base = @intFromPtr(bytes.ptr), .len = bytes.len };
        return 0;
    }
};

fn give(desc: *const abi.RecvDesc, header: abi.MsgHeader, sender: u64, bytes: []const u8) u64 {
    const len = @min(bytes.len, desc.payload_cap);
    const payload: [*]u8 = @ptrFromInt(desc.payload);
    @memcpy(payload[0..len], bytes[0..len]);
    const into: *abi.MsgHeader = @ptrFromInt(desc.header);
    into.* = header;
    into.len = @intCast(bytes.len);
    const from: *u64 = @ptrFromInt(desc.sender);
    from.* = sender;
    return len;
}

fn failure(errno: abi.Errno) u64 {
    return @bitCast(-@as(i64, @intFromEnum(errno)));
}

var current: *Kernel = undefined;

fn take(number: abi.Syscall, args: [6]u64) u64 {
    const self = current;
    switch (number) {
        .nsec => return self.now_ns,
        .debug_write => {
            const bytes: [*]const u8 = @ptrFromInt(args[0]);
            self.console.appendSlice(self.gpa(), bytes[0..args[1]]) catch unreachable;
            return 0;
        },
        .ipc_send => return self.send(args),
        .ipc_recv => return self.receive(@ptrFromInt(args[0])),
        .cap_clone => {
            if (self.single) |slot| if (slot == args[0]) return failure(.no_space);
            return self.make();
        },
        .vmo_create => return self.create(args[0]),
        .vm_map => return @intFromPtr(self.memory.get(@intCast(args[0])).?.ptr),
        .cap_query => return self.query(args),
        .cap_close => {
            self.close(@intCast(args[0]));
            return 0;
        },
        .mmio_map => {
            const registers = self.registers orelse return failure(.bad_slot);
            return @intFromPtr(registers.ptr);
        },
        else => {},
    }
    self.calls.append(self.gpa(), .{ .number = number, .args = args }) catch unreachable;
    return switch (number) {
        .getpid => 7,
        .exec => 100 + self.countOf(.exec),
        // The slot belongs to the other service.
        .cap_transfer_to => 5000 + self.countOf(.cap_transfer_to),
        .endpoint_create, .device_cap_create, .irq_create => self.make(),
        else => 0,
    };
}

test {
    _ = @import("os_test.zig");
    _ = @import("kernel_test.zig");
}
