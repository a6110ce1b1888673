//! One request to a service, and its answer.

const os = @import("os");

var reply_buffer: [os.abi.payload_bytes_max]u8 = undefined;

/// The reply is overwritten by the next call.
pub fn ask(service: []const u8, request: []const u8) ![]const u8 {
    const slot = try os.route(service);
    defer os.sys.capClose(slot);
    return os.call(slot, request, &reply_buffer, os.call_timeout_ns);
}
