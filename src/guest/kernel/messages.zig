//! Messages in flight come from a static pool. A short payload lies in the message itself, a longer
//! one in up to two frames that exist only while the message is queued.

const std = @import("std");
const abi = @import("abi");
const board = @import("board.zig");
const caps = @import("caps.zig");
const frames = @import("frames.zig");
const usercopy = @import("usercopy.zig");
const vm = @import("vm.zig");

/// Every queue that init makes for its 24 services (two each, of depth 16, one of them of 64), its
/// own (64), and what the kernel itself may post (32 tasks, 8 interrupt lines): all full at once.
const messages_max = 24 * 2 * 16 + (64 - 16) + 64 + 32 + 8;
/// This covers all control traffic, so only bulk data costs a frame.
const inline_bytes = 192;
const frames_per_message = abi.payload_bytes_max / board.page_bytes;

pub const Message = struct {
    next: ?*Message,
    header: abi.MsgHeader,
    sender: u64,
    /// The capability that travels along, or none.
    moved: caps.Cap,
    short: [inline_bytes]u8,
    pages: [frames_per_message]u64,

    fn isLong(self: *const Message) bool {
        return self.header.len > inline_bytes;
    }

    fn pageCount(self: *const Message) usize {
        if (!self.isLong()) return 0;
        return std.mem.alignForward(usize, self.header.len, board.page_bytes) / board.page_bytes;
    }

    /// The payload's piece in page `index`, of a payload of `len` bytes.
    fn piece(self: *Message, index: usize, len: usize) []u8 {
        const rest = len - index * board.page_bytes;
        return frames.bytes(self.pages[index])[0..@min(board.page_bytes, rest)];
    }

    pub fn copyOut(
        self: *Message,
        space: vm.Space,
        destination: u64,
        len: usize,
    ) usercopy.Error!void {
        std.debug.assert(len <= self.header.len);
        if (!self.isLong()) return usercopy.out(space, destination, self.short[0..len]);
        var done: usize = 0;
        while (done < len) : (done += board.page_bytes) {
            try usercopy.out(space, destination + done, self.piece(done / board.page_bytes, len));
        }
    }

    /// Give the memory back; a capability still inside is dropped.
    pub fn free(self: *Message) void {
        std.debug.assert(self != free_list); // else the list would never end
        std.debug.assert(self.header.len <= abi.payload_bytes_max);
        for (self.pages[0..self.pageCount()]) |page| frames.free(page);
        self.next = free_list;
        free_list = self;
        const cap = self.moved;
        self.moved = .{};
        cap.drop();
    }
};

var pool: [messages_max]Message = undefined;
var free_list: ?*Message = null;
/// Messages above this index were never used: the list needs no set-up at boot.
var untouched: usize = 0;

fn alloc() error{NoMemory}!*Message {
    if (free_list) |message| {
        free_list = message.next;
        return message;
    }
    if (untouched == messages_max) return error.NoMemory;
    untouched += 1;
    return &pool[untouched - 1];
}

/// A message with its payload copied from the sender.
pub fn fromUser(
    space: vm.Space,
    header: abi.MsgHeader,
    source: u64,
) (error{NoMemory} || usercopy.Error)!*Message {
    std.debug.assert(header.len <= abi.payload_bytes_max);
    const message = try alloc();
    message.header = header;
    message.header.len = 0;
    message.moved = .{};
    errdefer message.free();
    if (header.len <= inline_bytes) {
        try usercopy.in(space, message.short[0..header.len], source);
        message.header.len = header.len;
        return message;
    }
    var done: usize = 0;
    while (done < header.len) : (done += board.page_bytes) {
        const index = done / board.page_bytes;
        message.pages[index] = try frames.alloc();
        message.header.len = @intCast(
            @max(inline_bytes + 1, @min(header.len, done + board.page_bytes)),
        );
        try usercopy.in(space, message.piece(index, header.len), source + done);
    }
    std.debug.assert(message.header.len == header.len);
    return message;
}

/// A message from the kernel itself: sender 0, short.
pub fn fromKernel(kind: u16, payload: []const u8) error{NoMemory}!*Message {
    std.debug.assert(payload.len <= inline_bytes);
    const message = try alloc();
    message.header = .{ .type = kind, .len = @intCast(payload.len) };
    message.sender = 0;
    message.moved = .{};
    @memcpy(message.short[0..payload.len], payload);
    return message;
}
