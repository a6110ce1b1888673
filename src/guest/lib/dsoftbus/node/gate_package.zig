//! Remote package files, the serving side: `PK` from the peer becomes `PF` to packagefsd. Where
//! packagefsd must be asked first, the frame is served again when it has answered.

const std = @import("std");
const wire = @import("wire");
const calls = @import("calls.zig");
const services = @import("services.zig");
const packagefs = @import("../packagefs.zig");
const packagefs_server = @import("../packagefs_server.zig");
const Call = calls.Call;

const block_bytes = wire.packages.read_bytes_max;

/// The block that was read last. A peer takes a file in pieces of at most 128 bytes, one after the
/// other. An image does not change while it is mounted, so the block stays true.
pub const Block = struct {
    file: u32 = 0,
    at: u32 = 0,
    len: u32 = 0,
    bytes: [block_bytes]u8 = undefined,

    /// All of these bytes, if they are here.
    fn find(self: *const Block, file: u32, offset: u32, len: usize) ?[]const u8 {
        if (self.len == 0 or self.file != file or offset < self.at) return null;
        const from = offset - self.at;
        if (from > self.len or self.len - from < len) return null;
        return self.bytes[from..][0..len];
    }
};

pub fn begin(node: anytype, call: *Call) void {
    attempt(node, call, null);
}

/// packagefsd has answered, or has not.
pub fn finish(node: anytype, call: *Call, answer: ?[]u8) void {
    std.debug.assert(call.kind == .package);
    // No peer waits for the answer: its handle would be of a session that is over.
    if (call.is_late or call.serial == 0) {
        call.owes_record = call.owes_record and call.outcome != null;
        return;
    }
    attempt(node, call, .{ .bytes = answer });
}

pub fn fail(call: *Call) void {
    std.debug.assert(call.kind == .package);
    call.outcome = .{ .remote = false };
    var out: [packagefs.reply_bytes_max]u8 = undefined;
    const op: packagefs.Op = if (call.request_len >= 4) @enumFromInt(call.request[3]) else .stat;
    call.setAnswer(.ok, packagefs.encodeRefusal(&out, .{ .op = op, .status = .io }));
}

/// The answer of packagefsd; an empty slice: there is no answer.
const Said = struct { bytes: ?[]const u8 };

fn attempt(node: anytype, call: *Call, said: ?Said) void {
    var request: [12 + packagefs.path_bytes_max]u8 = undefined;
    var backend: Backend = .{ .block = &node.block, .said = said, .request = &request };
    var out: [packagefs.reply_bytes_max]u8 = undefined;
    const handles = &node.packages[call.peer];
    const now_ns = node.now_ns;
    const outcome = packagefs_server.serve(
        handles,
        call.asked(),
        true,
        now_ns,
        &backend,
        &out,
    ) catch {
        if (services.ask(node, call, backend.asked)) return;
        return attempt(node, call, .{ .bytes = null });
    };
    const is_ok = outcome.status == .ok;
    // The record of OPEN stands for what is done with the open file.
    const is_part = is_ok and (outcome.op == .read or outcome.op == .close);
    call.owes_record = !is_part;
    call.outcome = .{ .remote = is_ok };
    call.is_told = is_ok;
    call.setAnswer(.ok, outcome.reply);
}

/// packagefsd as a backend; it is asked at most once for each frame.
const Backend = struct {
    block: *Block,
    said: ?Said,
    request: *[12 + packagefs.path_bytes_max]u8,
    /// The request for packagefsd.
    asked: []const u8 = "",

    pub fn stat(self: *Backend, path: []const u8) packagefs_server.Failure!u64 {
        const found = wire.packages.decodeStat(try self.ask(.{ .stat = path }, .stat)) orelse {
            return error.Io;
        };
        return if (found.kind == .file) found.size else error.Io;
    }

    pub fn open(self: *Backend, path: []const u8) packagefs_server.Failure!packagefs_server.File {
        const opened = wire.packages.decodeOpen(try self.ask(.{ .open = path }, .open)) orelse {
            return error.Io;
        };
        return .{ .index = opened.file, .size = opened.size };
    }

    pub fn read(self: *Backend, file: u32, offset: u32, out: []u8) packagefs_server.Failure!void {
        if (self.block.find(file, offset, out.len)) |bytes| return @memcpy(out, bytes);
        const what: wire.packages.Read = .{ .file = file, .offset = offset, .len = block_bytes };
        const bytes = wire.packages.decodeRead(try self.ask(.{ .read = what }, .read)) orelse {
            return error.Io;
        };
        if (bytes.len > block_bytes or bytes.len < out.len) return error.Io;
        std.debug.assert(out.len <= block_bytes); // a peer's piece is a part of a block
        self.block.* = .{ .file = file, .at = offset, .len = @intCast(bytes.len) };
        @memcpy(self.block.bytes[0..bytes.len], bytes);
        @memcpy(out, bytes[0..out.len]);
    }

    fn ask(
        self: *Backend,
        request: wire.packages.Request,
        op: wire.packages.Op,
    ) packagefs_server.Failure!wire.cursor.Reader {
        const said = self.said orelse {
            self.asked = wire.packages.encodeRequest(self.request, request) catch return error.Io;
            return error.Wait;
        };
        const reply = wire.packages.decodeReply(said.bytes orelse "", op) orelse return error.Io;
        return switch (reply.status) {
            .ok => reply.tail,
            .not_found => error.NotFound,
            else => error.Io,
        };
    }
};

test "a block holds what lies in it whole" {
    var block: Block = .{ .file = 3, .at = 100, .len = 10 };
    try std.testing.expectEqual(10, block.find(3, 100, 10).?.len);
    try std.testing.expectEqual(1, block.find(3, 109, 1).?.len);
    for ([_][3]u32{ .{ 3, 99, 1 }, .{ 3, 109, 2 }, .{ 3, 111, 0 }, .{ 2, 100, 1 } }) |row| {
        try std.testing.expectEqual(null, block.find(row[0], row[1], row[2]));
    }
    block.len = 0;
    try std.testing.expectEqual(null, block.find(3, 100, 0));
}
