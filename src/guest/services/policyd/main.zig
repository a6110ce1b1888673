//! policyd decides which service may use which capability (`PO` v2). Its answers never wait: the
//! audit record goes to logd without an acknowledgement.

const os = @import("os");
const svc = @import("svc");
const core = @import("policyd_core");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

const Service = struct {
    table: core.Table,
    logger: svc.Logger,
    reply: [core.reply_bytes_max]u8,
    audited: core.Audit = .{},

    pub fn handle(self: *Service, message: os.Message) []const u8 {
        const answer = self.table.handle(message.payload, message.sender, &self.reply);
        if (answer.decision) |decision| self.audit(decision);
        return answer.reply;
    }

    fn audit(self: *Service, decision: core.Decision) void {
        if (!self.audited.note(decision, os.nsec())) return;
        var buffer: [core.audit_bytes_max]u8 = undefined;
        self.record(decision.allowed, core.auditText(&buffer, decision));
    }

    fn record(self: *Service, allowed: bool, text: []const u8) void {
        self.logger.append(.audit, if (allowed) .info else .warn, text);
    }

    pub fn deadline(self: *const Service) u64 {
        return @min(self.audited.deadline(), self.logger.deadline());
    }

    pub fn tick(self: *Service) void {
        var buffer: [core.audit_bytes_max]u8 = undefined;
        while (self.audited.due(&buffer, os.nsec())) |repeated| {
            self.record(repeated.allowed, repeated.text);
        }
        self.logger.tick();
    }
};

var service: Service = undefined;
var section: [os.abi.payload_bytes_max]u8 = undefined;

pub fn main() !void {
    // The table borrows the grants' names from `section`.
    service = .{
        .table = try .parse(try os.config(&section)),
        .logger = .open("policyd.audit"),
        .reply = undefined,
    };
    svc.ready();
    try svc.serve(&service);
}
