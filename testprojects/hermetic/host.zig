//! What a process of the zig toolchain sees of the machine it runs on.

const std = @import("std");
const linux = std.os.linux;

const sealed = "sealed";
const http = std.mem.nativeToBig(u16, 80);

/// Skips where the machine refuses namespaces, and fails where it would have given them.
fn demandSeal() !void {
    var name: linux.utsname = undefined;
    try std.testing.expectEqual(@as(usize, 0), linux.uname(&name));
    if (std.mem.eql(u8, std.mem.sliceTo(&name.nodename, 0), sealed)) return;
    const child = linux.fork();
    if (child == 0) {
        const wanted = linux.CLONE.NEWUSER | linux.CLONE.NEWNET | linux.CLONE.NEWUTS;
        const given = linux.errno(linux.unshare(wanted)) == .SUCCESS;
        // A namespace may be given without the rights in it.
        const up = given and
            linux.errno(linux.syscall2(.sethostname, @intFromPtr("x"), 1)) == .SUCCESS;
        linux.exit(if (up) 1 else 0);
    }
    var status: u32 = 0;
    _ = linux.waitpid(@intCast(child), &status, 0);
    return if (status == 0) error.SkipZigTest else error.NotSealed;
}

fn read(path: [*:0]const u8, buffer: []u8) ![]const u8 {
    const file = linux.open(path, .{}, 0);
    try std.testing.expectEqual(.SUCCESS, linux.errno(file));
    defer _ = linux.close(@intCast(file));
    var length: usize = 0;
    while (length < buffer.len) {
        const got = linux.read(@intCast(file), buffer[length..].ptr, buffer.len - length);
        try std.testing.expectEqual(.SUCCESS, linux.errno(got));
        if (got == 0) return buffer[0..length];
        length += got;
    }
    return error.FileTooLong;
}

test "every other address is unreachable at once" {
    try demandSeal();
    const address: linux.sockaddr.in = .{ .port = http, .addr = @bitCast([4]u8{ 192, 0, 2, 1 }) };
    const one = linux.socket(linux.AF.INET, linux.SOCK.STREAM | linux.SOCK.NONBLOCK, 0);
    try std.testing.expectEqual(.SUCCESS, linux.errno(one));
    defer _ = linux.close(@intCast(one));
    const tried = linux.connect(@intCast(one), &address, @sizeOf(@TypeOf(address)));
    try std.testing.expectEqual(.NETUNREACH, linux.errno(tried));
}

test "the user has no name and no home" {
    try demandSeal();
    var buffer: [4096]u8 = undefined;
    const users = try read("/etc/passwd", &buffer);
    try std.testing.expect(std.mem.startsWith(u8, users, "uid-"));
    try std.testing.expect(std.mem.endsWith(u8, users, "::/nonexistent:/bin/false\n"));
    try std.testing.expectEqual(1, std.mem.count(u8, users, "\n"));
}

test "no variable names the user or the host's tools" {
    var buffer: [1 << 16]u8 = undefined;
    var variables = std.mem.splitScalar(u8, try read("/proc/self/environ", &buffer), 0);
    while (variables.next()) |variable| {
        inline for (.{ "HOME=", "USER=", "LOGNAME=", "XDG_CACHE_HOME=", "SHELL=" }) |name| {
            try std.testing.expect(!std.mem.startsWith(u8, variable, name));
        }
        if (std.mem.startsWith(u8, variable, "PATH=")) {
            try std.testing.expectEqualStrings("PATH=/nonexistent", variable);
        }
    }
}
