//! Answers every request with what the kernel said about its sender, followed by the request
//! itself.

const std = @import("std");
const os = @import("os");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

var request: [os.abi.payload_bytes_max]u8 = undefined;
var answer: [os.abi.payload_bytes_max]u8 = undefined;

pub fn main() !void {
    while (true) {
        const message = try os.recv(os.abi.slot.server_recv, &request, 0);
        std.mem.writeInt(u64, answer[0..8], message.sender, .little);
        std.mem.writeInt(u32, answer[8..12], message.senderPid(), .little);
        const len: usize = @min(message.payload.len, answer.len - 12);
        @memcpy(answer[12..][0..len], message.payload[0..len]);
        os.reply(message, answer[0 .. 12 + len]);
    }
}
