//! selftest-client as it runs, on a stand-in for the kernel: what it proves of a node that has no
//! services, and when it has come to its end.

const std = @import("std");
const checks = @import("selftest_checks");
const os_fake = @import("os_fake");
const service = @import("main.zig");
const testing = std.testing;

fn said(routes: []const []const u8, kernel: *os_fake.Kernel) ![]const u8 {
    kernel.* = .{ .name = "selftest-client", .routes = routes };
    kernel.install();
    service.node = .{};
    try service.main();
    return kernel.said();
}

test "a node without a state store has nothing to prove of it, one whose store is silent fails" {
    var kernel: os_fake.Kernel = undefined;
    const without = try said(&.{}, &kernel);
    try testing.expectEqual(0, std.mem.count(u8, without, "statefs"));
    try testing.expectEqual(1, std.mem.count(u8, without, "SELFTEST: log query FAIL\n"));
    try testing.expect(std.mem.endsWith(u8, without, "SELFTEST: end\n"));
    kernel.deinit();
    const silent = try said(&.{"statefsd"}, &kernel);
    defer kernel.deinit();
    try testing.expectEqual(1, std.mem.count(u8, silent, "SELFTEST: statefs put FAIL\n"));
    try testing.expectEqual(1, std.mem.count(u8, silent, "SELFTEST: statefs persist FAIL\n"));
    try testing.expect(std.mem.endsWith(u8, silent, "SELFTEST: end\n"));
}
