//! The service's side of the kernel ABI. A service's root file says
//!
//!     const os = @import("os");
//!     pub const panic = os.panic;
//!     comptime { _ = os.start; }
//!     pub fn main() !void { ... }
//!
//! Circle: with start.zig, the entry point that sets up what this file then offers. A service names
//! only this file.

const std = @import("std");
pub const abi = @import("abi");
pub const sys = @import("sys.zig");
pub const start = @import("start.zig");
pub const records = @import("records.zig");

pub const Slot = abi.Slot;
pub const Error = sys.Error;
pub const serviceId = abi.serviceId;
pub const panic = start.panic;
pub const init_args = &start.init_args;

/// The time that a service waits for another one of the same node before it gives up.
pub const call_timeout_ns: u64 = 2 * std.time.ns_per_s;

/// The exit code of a service that cannot go on but could begin anew: its main returns
/// `error.BeginAnew`.
pub const exit_again: u64 = 75;

pub fn nsec() u64 {
    return sys.nsec();
}

/// The instant that is `ns` from now, as an absolute deadline.
pub fn after(ns: u64) u64 {
    return sys.nsec() + ns;
}

/// The name of the service that a test on the host stands for.
pub var name_on_host: []const u8 = "";

pub fn name() []const u8 {
    if (!sys.is_guest) return name_on_host;
    const info: *const abi.InfoPage = @ptrFromInt(abi.layout.info_page);
    const ptr: [*]const u8 = @ptrFromInt(info.name_ptr);
    return ptr[0..info.name_len];
}

/// Print one line in one call, so that lines of different services never interleave.
pub fn print(comptime fmt: []const u8, args: anytype) void {
    var line: [256]u8 = undefined;
    const text = std.fmt.bufPrint(line[0 .. line.len - 1], fmt, args) catch line[0 .. line.len - 1];
    line[text.len] = '\n';
    sys.debugWrite(line[0 .. text.len + 1]);
}

pub const Message = struct {
    header: abi.MsgHeader,
    /// The service id of the sender, from the kernel; 0 is the kernel itself.
    sender: u64,
    payload: []u8,
    /// The capability that came with the message: that of a request is the way of its answer.
    moved: ?Slot,
    /// The payload was longer than the buffer. It is then empty, so that every parser refuses it,
    /// and the sender of an oversized request still gets an answer.
    truncated: bool = false,

    pub fn senderPid(self: Message) u32 {
        return self.header.dst;
    }
};

/// Receive one message. `deadline_ns` is absolute; 0 waits for ever.
pub fn recv(slot: Slot, buffer: []u8, deadline_ns: u64) Error!Message {
    return receive(slot, buffer, 0, deadline_ns);
}

/// Receive one message if there is one.
pub fn poll(slot: Slot, buffer: []u8) Error!?Message {
    return receive(slot, buffer, abi.RecvFlag.nonblock, 0) catch |err| switch (err) {
        error.WouldBlock => return null,
        else => return err,
    };
}

fn receive(slot: Slot, buffer: []u8, flags: u32, deadline_ns: u64) Error!Message {
    var header: abi.MsgHeader = .{};
    var sender: u64 = 0;
    const all = flags | abi.RecvFlag.truncate;
    const len = try sys.ipcRecv(slot, &header, buffer, &sender, all, deadline_ns);
    std.debug.assert(len <= header.len);
    const truncated = header.len > len;
    return .{
        .header = header,
        .sender = sender,
        .payload = buffer[0..if (truncated) 0 else len],
        .moved = if (header.flags & abi.MsgFlag.cap_move != 0) header.src else null,
        .truncated = truncated,
    };
}

pub const SendOptions = struct {
    type: u16 = 0,
    /// The slot whose capability travels with the message.
    move: ?Slot = null,
    nonblock: bool = false,
    deadline_ns: u64 = 0,
};

pub fn send(slot: Slot, payload: []const u8, options: SendOptions) Error!void {
    const header: abi.MsgHeader = .{
        .src = options.move orelse 0,
        .type = options.type,
        .flags = if (options.move != null) abi.MsgFlag.cap_move else 0,
        .len = @intCast(payload.len),
    };
    return sys.ipcSend(
        slot,
        &header,
        payload,
        if (options.nonblock) abi.SendFlag.nonblock else 0,
        options.deadline_ns,
    );
}

var call_sequence: u16 = 0;

/// Send a request, and receive its reply in this service's inbox. A reply to an earlier, abandoned
/// call is known by its sequence number, and dropped.
pub fn call(server: Slot, request: []const u8, reply_buffer: []u8, timeout_ns: u64) Error![]u8 {
    std.debug.assert(server != abi.slot.factory and server != abi.no_slot);
    const deadline = after(timeout_ns);
    call_sequence = if (call_sequence == 0xFEFF) 1 else call_sequence + 1;
    const back = try sys.capClone(abi.slot.inbox_send, abi.Right.send);
    send(
        server,
        request,
        .{ .type = call_sequence, .move = back, .deadline_ns = deadline },
    ) catch |err| {
        sys.capClose(back);
        return err;
    };
    while (true) {
        const message = try recv(abi.slot.inbox_recv, reply_buffer, deadline);
        if (message.moved) |extra| sys.capClose(extra);
        if (message.header.type != call_sequence) continue;
        return if (message.truncated) error.TooBig else message.payload;
    }
}

/// Answer a request and drop its reply capability. A client that went away or whose inbox is full
/// loses its answer, nothing else.
pub fn reply(request: Message, payload: []const u8) void {
    const to = request.moved orelse return;
    replyTo(to, request.header.type, payload);
}

/// Answer later: the server has kept the reply capability and the type of the request.
pub fn replyTo(to: Slot, sequence: u16, payload: []const u8) void {
    // The kernel refuses a longer one, and the client would wait for it in vain.
    std.debug.assert(payload.len <= abi.payload_bytes_max);
    std.debug.assert(to != abi.slot.factory and to != abi.no_slot);
    send(to, payload, .{ .type = sequence, .nonblock = true }) catch {};
    sys.capClose(to);
}

/// The SEND slot of another service, which `init` gives if the node's configuration permits it.
pub fn route(service: []const u8) Error!Slot {
    var request: [5 + 48]u8 = undefined;
    if (service.len == 0 or service.len > 48) return error.Invalid;
    @memcpy(request[0..4], "RT\x01\x40");
    request[4] = @intCast(service.len);
    @memcpy(request[5..][0..service.len], service);
    var buffer: [16]u8 = undefined;
    const answer = try call(
        abi.slot.init_control,
        request[0 .. 5 + service.len],
        &buffer,
        call_timeout_ns,
    );
    if (answer.len != 9 or !std.mem.eql(u8, answer[0..4], "RT\x01\x41")) return error.Unexpected;
    return switch (answer[4]) {
        0 => std.mem.readInt(u32, answer[5..9], .little),
        1 => error.NotFound,
        3 => error.Denied,
        else => error.Invalid,
    };
}

/// This service's own section of the node configuration (empty if it has none).
pub fn config(buffer: []u8) Error![]const u8 {
    const answer = try call(abi.slot.init_control, "RT\x01\x42", buffer, call_timeout_ns);
    if (answer.len < 7 or !std.mem.eql(u8, answer[0..4], "RT\x01\x43")) return error.Unexpected;
    if (answer[4] == 1) return answer[0..0];
    if (answer[4] != 0) return error.Unexpected;
    const len = std.mem.readInt(u16, answer[5..7], .little);
    if (answer.len != 7 + @as(usize, len)) return error.Unexpected;
    return answer[7..];
}

/// Memory for one value that is too large for the stack and has no place in an image. It is zeroed,
/// and belongs to the service as long as that lives.
pub fn place(comptime T: type) Error!*T {
    const slot = try sys.vmoCreate(@sizeOf(T));
    const address = try sys.vmMap(slot, 0, @sizeOf(T), abi.Prot.read | abi.Prot.write);
    return @ptrFromInt(address);
}

/// Memory that is shared with a device: mapped, zeroed and physically contiguous.
pub const Dma = struct {
    slot: Slot,
    virtual: []align(4096) u8,
    physical: u64,

    pub fn create(len: usize) Error!Dma {
        const slot = try sys.vmoCreate(len);
        const address = try sys.vmMap(slot, 0, len, abi.Prot.read | abi.Prot.write);
        const info = try sys.capQuery(slot);
        // A device gets this address, so all of the memory must be ours.
        std.debug.assert(info.base % 4096 == 0 and info.len >= len);
        const bytes: [*]align(4096) u8 = @ptrFromInt(address);
        return .{ .slot = slot, .virtual = bytes[0..len], .physical = info.base };
    }
};

test {
    _ = records;
}
