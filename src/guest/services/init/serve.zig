//! What init does after start-up: answer `RT` requests and report services that end. Who asks is
//! what the kernel says; what nobody permitted is denied.

const std = @import("std");
const os = @import("os");
const config = @import("init_config");
const spawn = @import("spawn.zig");

const request_bytes_max = 64;

const Status = enum(u8) { ok = 0, not_found = 1, malformed = 2, denied = 3 };

pub const Server = struct {
    blob: config.Blob,
    plan: *const config.Plan,
    services: []const spawn.Service,

    pub fn run(self: Server) os.Error!noreturn {
        var buffer: [request_bytes_max]u8 = undefined;
        while (true) {
            const message = try os.recv(os.abi.slot.init_control, &buffer, 0);
            if (message.sender == 0) reportExit(self, message) else self.answer(message);
        }
    }

    fn answer(self: Server, request: os.Message) void {
        const bytes = request.payload;
        if (std.mem.startsWith(u8, bytes, "RT\x01\x40")) return self.answerRoute(request);
        if (std.mem.eql(u8, bytes, "RT\x01\x42")) return self.answerSection(request);
        os.reply(request, &.{ 'R', 'T', 1, 0x41, @intFromEnum(Status.malformed), 0, 0, 0, 0 });
    }

    fn answerRoute(self: Server, request: os.Message) void {
        var reply: [9]u8 = .{ 'R', 'T', 1, 0x41, 0, 0, 0, 0, 0 };
        var slot: os.Slot = 0;
        reply[4] = @intFromEnum(self.route(request, &slot));
        std.mem.writeInt(u32, reply[5..9], slot, .little);
        os.reply(request, &reply);
    }

    /// Permission first: a caller learns nothing about services it may not reach.
    fn route(self: Server, request: os.Message, slot: *os.Slot) Status {
        const bytes = request.payload;
        if (bytes.len < 6 or bytes[4] != bytes.len - 5 or bytes[4] > config.name_bytes_max) {
            return .malformed;
        }
        const wanted = os.serviceId(bytes[5..]);
        if (!self.plan.permits(request.sender, wanted)) return .denied;
        for (self.services) |service| {
            if (service.id != wanted) continue;
            slot.* = os.sys.capTransferTo(
                request.senderPid(),
                service.server,
                os.abi.Right.send,
                os.abi.no_slot,
            ) catch
                return .denied;
            return .ok;
        }
        return .not_found;
    }

    fn answerSection(self: Server, request: os.Message) void {
        var reply: [os.abi.payload_bytes_max]u8 = undefined;
        const section = self.blob.section(request.sender) orelse {
            return os.reply(request, &.{ 'R', 'T', 1, 0x43, @intFromEnum(Status.not_found), 0, 0 });
        };
        @memcpy(reply[0..5], &[_]u8{ 'R', 'T', 1, 0x43, @intFromEnum(Status.ok) });
        std.mem.writeInt(u16, reply[5..7], @intCast(section.len), .little);
        @memcpy(reply[7..][0..section.len], section);
        os.reply(request, reply[0 .. 7 + section.len]);
    }

    fn reportExit(self: Server, message: os.Message) void {
        if (message.header.type != os.abi.KernelMsg.child_exit or
            message.payload.len != @sizeOf(os.abi.ChildExit))
        {
            return;
        }
        const report = std.mem.bytesToValue(os.abi.ChildExit, message.payload);
        const name = for (self.services) |service| {
            if (service.pid == report.pid) break service.name;
        } else "?";
        if (report.reason == 0) {
            os.print("init: service exited name={s} code={d}", .{ name, report.code });
        } else {
            os.print("init: service crashed name={s} cause={d}", .{ name, report.code });
        }
    }
};
