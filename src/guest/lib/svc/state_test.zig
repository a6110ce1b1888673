//! Which peer's store a program asks: the one of its configuration, if a request can name it.

const std = @import("std");
const testing = std.testing;
const Kernel = @import("os_fake").Kernel;
const svc = @import("svc");

test "the configured peer is asked, and a name that no request can carry is refused" {
    var kernel: Kernel = .{ .name = "selftest-client", .routes = &.{"dsoftbusd"} };
    defer kernel.deinit();
    kernel.install();
    kernel.config = "\x02\x00\x40\x00" ++ "p" ** 64;
    try testing.expectEqualStrings("p" ** 64, (try svc.State.openRemote()).peer);
    kernel.config = "\x02\x00\x41\x00" ++ "p" ** 65;
    try testing.expectError(error.Malformed, svc.State.openRemote());
    kernel.config = "";
    try testing.expectEqualStrings("", (try svc.State.openRemote()).peer);
}

test "a store is waited for for three seconds, near or far" {
    var kernel: Kernel = .{ .name = "demo", .routes = &.{ "statefsd", "dsoftbusd" } };
    defer kernel.deinit();
    kernel.install();
    for ([_]svc.State{ try .openLocal(), try .openRemote() }) |opened| {
        var store = opened;
        const asked_ns = kernel.now_ns;
        try testing.expectError(error.TimedOut, store.ask(.{ .op = .sync }));
        try testing.expectEqual(asked_ns + 3 * std.time.ns_per_s, kernel.now_ns);
    }
}
