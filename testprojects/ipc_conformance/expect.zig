//! What a check says when it fails: the line of the expectation.

const os = @import("os");

pub fn that(ok: bool, comptime what: []const u8) !void {
    if (ok) return;
    os.print("conform: not so: " ++ what, .{});
    return error.Unexpected;
}

/// The call must fail, and with this very error.
pub fn refusal(result: anytype, wanted: os.Error, comptime what: []const u8) !void {
    if (result) |_| {
        os.print("conform: not refused: " ++ what, .{});
        return error.Unexpected;
    } else |err| {
        if (err == wanted) return;
        os.print(
            "conform: " ++ what ++ ": {s} instead of {s}",
            .{ @errorName(err), @errorName(wanted) },
        );
        return error.Unexpected;
    }
}
