//! The record of a gateway decision. It holds neither a payload nor a key.

const std = @import("std");
const contract = @import("contract");
const Id = @import("id.zig").Id;
const Subject = @import("gateway.zig").Subject;
const gateway = @import("gateway.zig");

pub const scope = contract.audit.scope;
/// The longest record, with every field at its widest. logd stores 160 bytes of a message.
pub const bytes_max = 160;

/// Levels of logd.
pub const warn = @intFromEnum(contract.log.Level.warn);
pub const info = @intFromEnum(contract.log.Level.info);

pub const Outcome = contract.audit.Outcome;

pub fn denied(reason: gateway.Reason) Outcome {
    return switch (reason) {
        .unauthenticated => .@"denied-unauthenticated",
        .malformed => .@"denied-malformed",
        .oversized => .@"denied-oversized",
        .rate => .@"denied-rate",
        .service => .@"denied-service",
        .busy => .@"denied-busy",
    };
}

pub fn level(outcome: Outcome) u8 {
    return switch (outcome) {
        .ok => info,
        else => warn,
    };
}

pub fn message(
    out: *[bytes_max]u8,
    outcome: Outcome,
    peer: ?*const Id,
    subject: Subject,
) []const u8 {
    var writer: std.Io.Writer = .fixed(out);
    write(&writer, outcome, peer, subject) catch {};
    return writer.buffered();
}

/// The record that counts the records which the log does not have.
pub fn lossMessage(out: *[bytes_max]u8, count: u64) []const u8 {
    return std.fmt.bufPrint(out, contract.audit.unlogged, .{count}) catch unreachable; // 35 at most
}

/// The record of a session that its streams have ended.
pub fn muxMessage(out: *[bytes_max]u8, label: []const u8, peer: *const Id) []const u8 {
    return std.fmt.bufPrint(out, contract.audit.mux, .{ label, peer.* }) catch
        unreachable; // both at their longest leave room
}

fn write(writer: *std.Io.Writer, outcome: Outcome, peer: ?*const Id, subject: Subject) !void {
    try writer.print(contract.audit.call, .{
        outcome,
        Shown(?Id){ .value = if (peer) |id| id.* else null },
        Shown(?Service){ .value = if (subject.service) |number| .{ .number = number } else null },
        Shown(?Number){ .value = if (subject.opcode) |number| .{ .number = number } else null },
    });
}

/// The text, or `-` where there is no text.
fn Shown(Value: type) type {
    return struct {
        value: Value,

        pub fn format(self: @This(), writer: *std.Io.Writer) std.Io.Writer.Error!void {
            if (self.value) |value| try value.format(writer) else try writer.writeByte('-');
        }
    };
}

const Service = struct {
    number: u8,

    pub fn format(self: Service, writer: *std.Io.Writer) std.Io.Writer.Error!void {
        if (gateway.serviceOf(self.number)) |known| return writer.writeAll(known.name);
        try writer.print("#{d}", .{self.number});
    }
};

const Number = struct {
    number: u8,

    pub fn format(self: Number, writer: *std.Io.Writer) std.Io.Writer.Error!void {
        try writer.print("{d}", .{self.number});
    }
};

test "a decision becomes its record" {
    var out: [bytes_max]u8 = undefined;
    const peer = try Id.from("node-a");
    try std.testing.expectEqualStrings(
        "audit remote call outcome=ok peer=node-a service=samgrd op=6",
        message(&out, .ok, &peer, .{ .service = 1, .opcode = 6 }),
    );
    try std.testing.expectEqualStrings(
        "audit remote call outcome=denied-service peer=node-a service=#9 op=1",
        message(&out, denied(.service), &peer, .{ .service = 9, .opcode = 1 }),
    );
    try std.testing.expectEqualStrings(
        "audit remote call outcome=denied-unauthenticated peer=- service=- op=-",
        message(&out, denied(.unauthenticated), null, .{}),
    );
}

test "how many records there were" {
    var out: [bytes_max]u8 = undefined;
    try std.testing.expectEqualStrings("audit unlogged=16", lossMessage(&out, 16));
    _ = lossMessage(&out, std.math.maxInt(u64));
}

test "the longest record fits" {
    var out: [bytes_max]u8 = undefined;
    const peer = try Id.from("p" ** 64);
    const label = "mux.reject.window_credit_overflow_or_underflow";
    try std.testing.expectEqualStrings(
        "audit mux outcome=" ++ label ++ " peer=" ++ "p" ** 64,
        muxMessage(&out, label, &peer),
    );
    const text = message(&out, .@"denied-unauthenticated", &peer, .{ .service = 3, .opcode = 255 });
    try std.testing.expect(std.mem.endsWith(u8, text, "service=packagefsd op=255"));
}
