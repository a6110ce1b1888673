//! The numbers that show a leak in a service. They are not secret: every caller may ask for them.

const std = @import("std");
const os = @import("os");
const usage = @import("wire").usage;

pub fn isAsked(message: os.Message) bool {
    return std.mem.eql(u8, message.payload, usage.request);
}

/// The reply of a service; `own` are the numbers behind that of capabilities.
pub fn answer(message: os.Message, own: []const u16) void {
    var buffer: [usage.reply_bytes_max]u8 = undefined;
    os.reply(message, usage.encodeReply(&buffer, capabilities(), own));
}

/// The number of slots of the caller's table that hold a capability, that of the request included.
fn capabilities() u16 {
    var count: u16 = 0;
    for (1..os.abi.slots_per_task) |slot| {
        // One that is there and cannot be looked into is denied, not missing.
        _ = os.sys.capQuery(@intCast(slot)) catch |err| if (err == error.BadSlot) continue;
        count += 1;
    }
    return count;
}
