//! What a guest needs that speaks to a node in bytes of its own making: keys, and waiting.

const os = @import("os");
const noise = @import("noise");
const wire = @import("wire");

/// A key pair out of the entropy device, through rngd at `rngd`.
pub fn freshKey(rngd: os.Slot) !noise.KeyPair {
    var request: [wire.entropy.request_bytes]u8 = undefined;
    var answer: [wire.entropy.reply_header_bytes + 32]u8 = undefined;
    const frame = try wire.entropy.encodeRequest(&request, 32);
    const bytes = try os.call(rngd, frame, &answer, os.call_timeout_ns);
    const reply = wire.entropy.decodeReply(bytes) orelse return error.Unexpected;
    if (reply.status != .ok or reply.bytes.len != 32) return error.Unexpected;
    return noise.KeyPair.fromSecret(reply.bytes[0..32].*);
}

/// Let something happen: one message to this service, or nothing until `until_ns`. `buffer` is not
/// on the stack, which is small.
pub fn wait(buffer: *[os.abi.payload_bytes_max]u8, until_ns: u64) !void {
    const message = os.recv(os.abi.slot.server_recv, buffer, until_ns) catch |err| switch (err) {
        error.TimedOut => return,
        else => return err,
    };
    if (message.moved) |extra| os.sys.capClose(extra);
}
