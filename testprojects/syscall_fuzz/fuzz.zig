//! Arbitrary system calls: every number, with arguments that are often nearly right.
//!
//! Pointers into the service's own memory point into `arena` only, so that whatever the kernel
//! writes there does no harm; all others must be refused. Deadlines lie in the past or right ahead,
//! so that no call waits for ever.

const std = @import("std");
const os = @import("os");

/// Enough to fill and empty every table several times, and one second on the slowest engine.
const calls = 4000;

var arena: [8 * 4096]u8 align(4096) = @splat(0);
var state: u64 = 0;

/// xorshift64*: the same calls in every run.
fn random() u64 {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state *% 0x2545_F491_4F6C_DD1D;
}

fn below(limit: u64) u64 {
    return (random() >> 32) % limit;
}

pub fn run(peer: []const u8, seed: u64) !void {
    state = seed;
    _ = try os.route(peer);
    var refused: usize = 0;
    for (0..calls) |_| {
        if (step()) refused += 1;
    }
    // Nothing refused, or everything, would mean that the fuzzer tested nothing.
    if (refused < calls / 10 or refused > calls - calls / 10) return error.Unexpected;
    os.print("{s}: survived", .{os.name()});
}

/// One call; whether the kernel refused it.
fn step() bool {
    const numbers = [_]u64{
        0,  1,  5,  14, 14, 14, 14, 17, 20, 20, 20, 22, 24, 24, 24, 25,
        26, 26, 26, 26, 28, 30, 31, 32, 36, 37, 38, 53, 53, 54, 55, 99,
    };
    const number = numbers[below(numbers.len)];
    var arguments: [6]u64 = undefined;
    for (&arguments) |*argument| argument.* = value();
    switch (number) {
        14 => prepareSend(&arguments),
        26 => prepareReceive(&arguments),
        20 => arguments[0] = 8 + below(58), // not the slots that init gave: they are needed
        28, 37, 38, 55 => arguments[0] = if (below(2) == 0) 6 + below(2) else slot(),
        24 => arguments = .{ slot(), 1 + below(15), 0, 0, 0, 0 },
        53 => arguments = .{ slot(), below(3) * 4096, (1 + below(3)) * 4096, below(8), 0, 0 },
        else => {},
    }
    const result: i64 = @bitCast(ecall(number, arguments));
    return result < 0;
}

fn slot() u64 {
    return if (below(8) == 0) value() else below(64);
}

/// Numbers at which kernels trip.
fn value() u64 {
    return switch (below(13)) {
        0 => 0,
        1 => std.math.maxInt(u64),
        2 => std.math.maxInt(u64) - below(8192),
        3 => 1 << 63,
        4 => os.abi.layout.image_base + below(4096),
        5 => os.abi.layout.stack_top - 8,
        6 => os.abi.layout.info_page + below(4096),
        7 => 0x8000_0000 + below(1 << 20),
        8 => 0xC000_0000 + below(1 << 20),
        9 => random(),
        10 => below(3) * 4096,
        11 => os.abi.layout.map_base + below(6 * 4096),
        else => below(70),
    };
}

fn place() u64 {
    if (below(6) == 0) return value();
    return @intFromPtr(&arena) + below(6 * 4096);
}

fn soon() u64 {
    return if (below(2) == 0) 1 else os.nsec() + below(200_000);
}

/// A header that often matches, at an address that often is mapped.
fn prepareSend(arguments: *[6]u64) void {
    const len = if (below(4) == 0) below(9000) else below(64);
    const header: os.abi.MsgHeader = .{
        .src = @intCast(below(66)),
        .type = @truncate(random()),
        .flags = @intCast(below(3)),
        .len = @intCast(if (below(10) == 0) below(9000) else len),
    };
    const at = below(64);
    @memcpy(arena[at..][0..@sizeOf(os.abi.MsgHeader)], std.mem.asBytes(&header));
    const flags = if (below(10) == 0) value() else below(2);
    arguments.* = .{ slot(), @intFromPtr(&arena) + at, place(), len, flags, soon() };
}

fn prepareReceive(arguments: *[6]u64) void {
    const desc: os.abi.RecvDesc = .{
        .magic = if (below(20) == 0) 0 else os.abi.recv_magic,
        .slot = if (below(2) == 0) 4 else @intCast(below(66)),
        .header = place(),
        .payload = place(),
        .payload_cap = if (below(10) == 0) value() else below(8193),
        .sender = place(),
        .flags = @intCast(below(5)),
        .deadline_ns = soon(),
    };
    const at = 6 * 4096 + below(4096);
    @memcpy(arena[at..][0..@sizeOf(os.abi.RecvDesc)], std.mem.asBytes(&desc));
    arguments[0] = @intFromPtr(&arena) + at;
}

fn ecall(number: u64, a: [6]u64) u64 {
    return asm volatile ("ecall"
        : [ret] "={a0}" (-> u64),
        : [a0] "{a0}" (a[0]),
          [a1] "{a1}" (a[1]),
          [a2] "{a2}" (a[2]),
          [a3] "{a3}" (a[3]),
          [a4] "{a4}" (a[4]),
          [a5] "{a5}" (a[5]),
          [a7] "{a7}" (number),
        : .{ .memory = true });
}
