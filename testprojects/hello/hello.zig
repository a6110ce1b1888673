//! Prints the greeting of its configuration, and ends.

const os = @import("os");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

const tag_greeting = 1;

var section: [256]u8 = undefined;

pub fn main() !void {
    var each = os.records.iterate(try os.config(&section));
    while (try each.next()) |record| {
        if (record.tag != tag_greeting) return error.UnknownTag;
        os.print("hello: {s}", .{record.value});
    }
    os.print("hello: done", .{});
}
