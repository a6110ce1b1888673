//! The entry point and the panic handler of every service.

const std = @import("std");
const os = @import("root.zig");
const root = @import("root");
const sys = @import("sys.zig");

comptime {
    _ = @import("fill"); // memset
    // On the host a test calls `main` itself.
    if (sys.is_guest) _ = entry;
}

/// The argument of `init` beside the info page: the boot archive.
pub var init_args: struct { archive: u64 = 0, archive_len: u64 = 0 } = .{};

const entry = struct {
    export fn _start(
        info: u64,
        archive: u64,
        archive_len: u64,
    ) linksection(".text.start") callconv(.c) noreturn {
        _ = info;
        init_args = .{ .archive = archive, .archive_len = archive_len };
        root.main() catch |err| {
            os.print("{s}: stopped: {s}", .{ os.name(), @errorName(err) });
            sys.exit(if (@as(anyerror, err) == error.BeginAnew) os.exit_again else 1);
        };
        sys.exit(0);
    }
};

pub const panic = std.debug.FullPanic(struct {
    fn die(message: []const u8, _: ?usize) noreturn {
        os.print("{s}: panic: {s}", .{ os.name(), message });
        asm volatile ("ebreak");
        unreachable;
    }
}.die);
