//! policyd: who may use which capability (`PO` v2). Its answers wait for nobody: the audit record
//! goes to logd without an acknowledgement.

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
    audited: u32 = 0,

    pub fn handle(self: *Service, message: os.Message) []const u8 {
        const answer = self.table.handle(message.payload, message.sender, &self.reply);
        if (answer.decision) |decision| self.audit(decision);
        return answer.reply;
    }

    fn audit(self: *Service, decision: core.Decision) void {
        if (self.audited == core.audits_per_boot_max) return;
        self.audited += 1;
        var buffer: [core.audit_bytes_max]u8 = undefined;
        const level: svc.Level = if (decision.allowed) .info else .warn;
        self.logger.append(level, "policyd.audit", core.auditText(&buffer, decision));
    }
};

var service: Service = undefined;
var section: [os.abi.payload_bytes_max]u8 = undefined;

pub fn main() !void {
    // The table borrows the grants' names from `section`.
    service = .{
        .table = try .parse(try os.config(&section)),
        .logger = .open(),
        .reply = undefined,
    };
    svc.ready();
    try svc.serve(&service);
}
