//! After start-up init answers `RT` requests, reports services that end, and starts those again
//! that broke. The kernel says which service asks; init denies a request without a permission.

const std = @import("std");
const marker = @import("contract").marker;
const nxbf = @import("nxbf");
const os = @import("os");
const wire = @import("wire");
const config = @import("init_config");
const devices = @import("devices.zig");
const spawn = @import("spawn.zig");

const request_bytes_max = 64;

const Status = enum(u8) { ok = 0, not_found = 1, malformed = 2, denied = 3 };

pub const Server = struct {
    blob: config.Blob,
    plan: *const config.Plan,
    services: []spawn.Service,
    archive: nxbf.Archive,
    map: devices.Map,

    pub fn run(self: *Server) os.Error!noreturn {
        var buffer: [request_bytes_max]u8 = undefined;
        while (true) {
            const message = try os.recv(os.abi.slot.init_control, &buffer, 0);
            if (message.sender == 0) self.ended(message) else self.answer(message);
        }
    }

    fn answer(self: *const Server, request: os.Message) void {
        const bytes = request.payload;
        if (std.mem.startsWith(u8, bytes, "RT\x01\x40")) return self.answerRoute(request);
        if (std.mem.eql(u8, bytes, "RT\x01\x42")) return self.answerSection(request);
        os.reply(request, &.{ 'R', 'T', 1, 0x41, @intFromEnum(Status.malformed), 0, 0, 0, 0 });
    }

    fn answerRoute(self: *const Server, request: os.Message) void {
        var reply: [9]u8 = .{ 'R', 'T', 1, 0x41, 0, 0, 0, 0, 0 };
        var slot: os.Slot = 0;
        reply[4] = @intFromEnum(self.route(request, &slot));
        std.mem.writeInt(u32, reply[5..9], slot, .little);
        os.reply(request, &reply);
    }

    /// The permission is asked first, so that a caller learns nothing about services that it may
    /// not reach.
    fn route(self: *const Server, request: os.Message, slot: *os.Slot) Status {
        const bytes = request.payload;
        if (bytes.len < 6 or bytes[4] != bytes.len - 5 or bytes[4] > config.name_bytes_max) {
            return .malformed;
        }
        const wanted = os.serviceId(bytes[5..]);
        if (!self.plan.permits(request.sender, wanted)) return .denied;
        for (self.services) |service| {
            if (service.id != wanted or service.pid == 0) continue;
            slot.* = os.sys.capTransferTo(
                request.senderPid(),
                service.endpoint,
                os.abi.Right.send,
                os.abi.no_slot,
            ) catch
                return .denied;
            return .ok;
        }
        return .not_found;
    }

    fn answerSection(self: *const Server, request: os.Message) void {
        var reply: [os.abi.payload_bytes_max]u8 = undefined;
        const section = self.blob.section(request.sender) orelse {
            return os.reply(request, &.{ 'R', 'T', 1, 0x43, @intFromEnum(Status.not_found), 0, 0 });
        };
        @memcpy(reply[0..5], &[_]u8{ 'R', 'T', 1, 0x43, @intFromEnum(Status.ok) });
        std.debug.assert(section.len <= reply.len - 7); // `parse` lets no longer one through
        std.mem.writeInt(u16, reply[5..7], @intCast(section.len), .little);
        @memcpy(reply[7..][0..section.len], section);
        os.reply(request, reply[0 .. 7 + section.len]);
    }

    fn ended(self: *Server, message: os.Message) void {
        if (message.header.type != os.abi.KernelMsg.child_exit or
            message.payload.len != @sizeOf(os.abi.ChildExit))
        {
            return;
        }
        const report = std.mem.bytesToValue(os.abi.ChildExit, message.payload);
        const service = for (self.services) |*service| {
            if (service.pid == report.pid) break service;
        } else null;
        std.debug.assert(report.pid != 0); // services that do not run have that number
        const name = if (service) |known| known.name else "?";
        const is_crash = report.reason != 0;
        if (is_crash) {
            os.print(marker.init_crashed, .{ name, report.code });
        } else {
            os.print(marker.init_exited, .{ name, report.code });
        }
        if (service) |known| self.follow(known, is_crash or report.code == os.exit_again);
    }

    /// After the end of a service comes its next life, if it broke and may have one.
    fn follow(self: *Server, service: *spawn.Service, is_broken: bool) void {
        if (self.map.slotOf(service.name)) |slot| devices.reset(slot) catch |err| {
            os.print(marker.init_not_reset, .{ service.name, @errorName(err) });
        };
        const may_begin_anew = is_broken and config.lives.isLasting(service.name);
        if (may_begin_anew) if (service.lives.next(os.nsec())) |number| {
            const of = config.lives.restarts_max;
            os.print(marker.init_restart, .{ service.name, number, of });
            if (service.start(self.archive, self.map)) {
                os.print(marker.init_up, .{service.name});
                if (service.id == os.serviceId("samgrd")) self.introduce(service);
                return;
            } else |err| {
                os.print(marker.init_cannot_start, .{ service.name, @errorName(err) });
            }
        } else os.print(marker.init_gave_up, .{service.name});
        service.pid = 0;
        service.bury();
    }

    /// A registry that began anew knows no service. init introduces those that run, because the
    /// registry believes no other sender about a service.
    fn introduce(self: *const Server, samgrd: *const spawn.Service) void {
        for (self.services) |*service| {
            if (service.pid == 0 or service == samgrd) continue;
            var buffer: [wire.samgr.request_bytes_max]u8 = undefined;
            const frame = wire.samgr.encodeRequest(&buffer, .{ .register = .{
                .name = service.name,
                .slots = .{ .send = os.abi.slot.server_send, .recv = os.abi.slot.server_recv },
            } }) catch continue; // a longer name was never registered either
            os.send(samgrd.endpoint, frame, .{ .nonblock = true }) catch continue;
        }
    }
};
