//! The table of grants, and the decisions made from it. A grant that is absent is denied.

const std = @import("std");
const contract = @import("contract");
const records = @import("os").records;
const policy = @import("wire").policy;
const tally = @import("tally");

pub const reply_bytes_max = policy.reply_bytes;
pub const grants_max = contract.node.grants_max;
pub const audit_bytes_max = 144;

/// Decisions that are told apart, more than services come to; the others are counted together.
pub const audited_max = 64;

/// A service that asks about another one needs this capability.
pub const delegate_capability = "policy.delegate";

const tag_grant = @intFromEnum(contract.node.PolicyTag.grant);

const Grant = struct { subject: u64, capability: []const u8 };

/// A decision, for the audit.
pub const Decision = struct { delegated: bool, allowed: bool, subject: u64 };

pub const Answer = struct { reply: []const u8, decision: ?Decision };

pub const Table = struct {
    grants: [grants_max]Grant = undefined,
    count: usize = 0,

    /// Read this service's section of the node configuration; the names are borrowed from it.
    pub fn parse(section: []const u8) error{ Malformed, UnknownTag, TooManyGrants }!Table {
        var table: Table = .{};
        var each = records.iterate(section);
        while (try each.next()) |record| {
            if (record.tag != tag_grant) return error.UnknownTag;
            const value = record.value;
            const longest = 8 + policy.capability_bytes_max;
            if (value.len <= 8 or value.len > longest) return error.Malformed;
            if (table.count == grants_max) return error.TooManyGrants;
            table.grants[table.count] = .{
                .subject = std.mem.readInt(u64, value[0..8], .little),
                .capability = value[8..],
            };
            table.count += 1;
        }
        return table;
    }

    pub fn handle(
        self: *const Table,
        frame: []const u8,
        sender: u64,
        out: *[reply_bytes_max]u8,
    ) Answer {
        switch (policy.decodeRequest(frame)) {
            .refusal => |refusal| return .{
                .reply = encode(out, refusal.op, refusal.nonce, refusal.status),
                .decision = null,
            },
            .request => |check| {
                const delegated = check.op == .check_cap_delegated;
                const may_ask = if (delegated)
                    self.holds(sender, delegate_capability)
                else
                    check.subject == sender;
                const allowed = may_ask and self.holds(check.subject, check.capability);
                return .{
                    .reply = encode(out, check.op, check.nonce, if (allowed) .allow else .deny),
                    .decision = .{
                        .delegated = delegated,
                        .allowed = allowed,
                        .subject = check.subject,
                    },
                };
            },
        }
    }

    /// Capability names are compared without regard to case.
    fn holds(self: *const Table, subject: u64, capability: []const u8) bool {
        for (self.grants[0..self.count]) |grant| {
            if (grant.subject == subject and
                std.ascii.eqlIgnoreCase(grant.capability, capability)) return true;
        }
        return false;
    }
};

fn encode(out: *[reply_bytes_max]u8, op: policy.Op, nonce: u32, status: policy.Status) []const u8 {
    return policy.encodeReply(out, op, nonce, status) catch unreachable; // `out` is a reply long.
}

/// The audit chooses the decisions that have a record of their own. A decision has one when it is
/// first made. Its repetitions within an interval are counted, and the count is a record. So a
/// service that asks in a loop cannot push all other records out of the log.
pub const Audit = struct {
    tally: tally.Tally(Decision, audited_max) = .{},

    /// True: the decision is recorded now.
    pub fn note(self: *Audit, decision: Decision, now_ns: u64) bool {
        return self.tally.add(decision, now_ns) == .record;
    }

    /// The record of a count, and its level; call this until it returns null.
    pub fn due(self: *Audit, buffer: *[audit_bytes_max]u8, now_ns: u64) ?Repeated {
        const sum = self.tally.due(now_ns) orelse return null;
        return .{
            .text = repeatedText(buffer, sum.key, sum.count),
            .allowed = if (sum.key) |decision| decision.allowed else false,
        };
    }

    pub fn deadline(self: *const Audit) u64 {
        return self.tally.deadline();
    }
};

pub const Repeated = struct { text: []const u8, allowed: bool };

/// The record names the subject and the outcome, never the use of the capability.
pub fn auditText(buffer: *[audit_bytes_max]u8, decision: Decision) []const u8 {
    return std.fmt.bufPrint(buffer, contract.audit.policy, .{
        if (decision.delegated) "check_cap_delegated" else "check_cap",
        if (decision.allowed) "allow" else "deny",
        decision.subject,
    }) catch unreachable; // The longest is 99 bytes.
}

fn repeatedText(buffer: *[audit_bytes_max]u8, decision: ?Decision, count: u64) []const u8 {
    const text = if (decision) |known| auditText(buffer, known) else blk: {
        const others = contract.audit.policy_others;
        @memcpy(buffer[0..others.len], others);
        break :blk buffer[0..others.len];
    };
    const more = std.fmt.bufPrint(buffer[text.len..], contract.audit.policy_repeats, .{count}) catch
        unreachable; // 29 bytes at most
    return buffer[0 .. text.len + more.len];
}

const testing = std.testing;

fn tagged(comptime tag: u8, comptime value: []const u8) []const u8 {
    return .{ tag, 0, value.len, 0 } ++ value;
}

const alice_query = "\x0a\x00\x00\x00\x00\x00\x00\x00bundle.query";
const bob_delegate = "\x0b\x00\x00\x00\x00\x00\x00\x00policy.delegate";
const two_grants = tagged(1, alice_query) ++ tagged(1, bob_delegate);
const alice = 0xA;
const bob = 0xB;

test "the table decides; absent is deny" {
    const table: Table = try .parse(two_grants);
    const Row = struct { u64, policy.Op, u64, []const u8, policy.Status };
    const rows = [_]Row{
        .{ alice, .check_cap, alice, "bundle.query", .allow },
        .{ alice, .check_cap, alice, "Bundle.QUERY", .allow },
        .{ alice, .check_cap, alice, "bundle.quer", .deny },
        .{ alice, .check_cap, alice, "policy.delegate", .deny },
        // A question about another service needs the right to ask, whatever the table says.
        .{ bob, .check_cap, alice, "bundle.query", .deny },
        .{ bob, .check_cap_delegated, alice, "bundle.query", .allow },
        .{ bob, .check_cap_delegated, bob, "bundle.query", .deny },
        .{ alice, .check_cap_delegated, alice, "bundle.query", .deny },
    };
    for (rows) |row| {
        const sender, const op, const subject, const capability, const status = row;
        var request: [policy.request_bytes_max]u8 = undefined;
        var reply: [reply_bytes_max]u8 = undefined;
        const frame = try policy.encodeRequest(&request, .{
            .op = op,
            .nonce = 0xDEADBEEF,
            .subject = subject,
            .capability = capability,
        });
        const answer = table.handle(frame, sender, &reply);
        try testing.expectEqual(status, policy.decodeReply(answer.reply, op, 0xDEADBEEF).?);
        try testing.expectEqual(status == .allow, answer.decision.?.allowed);
        try testing.expectEqual(subject, answer.decision.?.subject);
    }
}

test "an empty table denies, and what is malformed decides nothing" {
    const table: Table = try .parse("");
    var request: [policy.request_bytes_max]u8 = undefined;
    var reply: [reply_bytes_max]u8 = undefined;
    const check: policy.Check = .{
        .op = .check_cap,
        .nonce = 1,
        .subject = alice,
        .capability = "x",
    };
    const frame = try policy.encodeRequest(&request, check);
    const denied = table.handle(frame, alice, &reply);
    try testing.expectEqual(
        @as(?policy.Status, .deny),
        policy.decodeReply(denied.reply, .check_cap, 1),
    );
    const cut = table.handle(frame[0 .. frame.len - 1], alice, &reply);
    try testing.expectEqual(
        @as(?policy.Status, .malformed),
        policy.decodeReply(cut.reply, .check_cap, 1),
    );
    try testing.expectEqual(@as(?Decision, null), cut.decision);
}

test "a bad section is refused whole" {
    try testing.expectError(error.UnknownTag, Table.parse(tagged(2, alice_query)));
    try testing.expectError(error.Malformed, Table.parse(tagged(1, alice_query[0..8])));
    const long = tagged(1, alice_query[0..8] ++ "c" ** 49);
    try testing.expectError(error.Malformed, Table.parse(long));
    try testing.expectError(error.Malformed, Table.parse(two_grants[0 .. two_grants.len - 1]));
    const longest = try Table.parse(tagged(1, alice_query[0..8] ++ "c" ** 48));
    try testing.expectEqualStrings("c" ** 48, longest.grants[0].capability);
    const shortest = try Table.parse(tagged(1, alice_query[0..8] ++ "c"));
    try testing.expectEqualStrings("c", shortest.grants[0].capability);
    const grant = comptime tagged(1, alice_query);
    try testing.expectError(error.TooManyGrants, Table.parse(grant ** 65));
    try testing.expectEqual(grants_max, (try Table.parse(grant ** 64)).count);
}

test "a decision becomes its audit line" {
    var buffer: [audit_bytes_max]u8 = undefined;
    try testing.expectEqualStrings(
        "audit v1 op=check_cap decision=allow subject=0x000000000000000a reason=policy",
        auditText(&buffer, .{ .delegated = false, .allowed = true, .subject = alice }),
    );
    try testing.expectEqualStrings(
        "audit v1 op=check_cap_delegated decision=deny subject=0xffffffffffffffff reason=policy",
        auditText(&buffer, .{
            .delegated = true,
            .allowed = false,
            .subject = std.math.maxInt(u64),
        }),
    );
}

fn decided(allowed: bool, subject: u64) Decision {
    return .{ .delegated = true, .allowed = allowed, .subject = subject };
}

test "a denial has its record however many decisions there were before" {
    var audit: Audit = .{};
    var recorded: usize = 0;
    for (0..10_000) |number| recorded += @intFromBool(audit.note(decided(true, alice), number));
    try testing.expectEqual(@as(usize, 1), recorded);
    try testing.expect(audit.note(decided(false, alice), 10_000));
    try testing.expect(audit.note(decided(true, bob), 10_000));
    var buffer: [audit_bytes_max]u8 = undefined;
    const repeated = audit.due(&buffer, audit.deadline()).?;
    try testing.expectEqualStrings(
        "audit v1 op=check_cap_delegated decision=allow subject=0x000000000000000a " ++
            "reason=policy repeats=9999",
        repeated.text,
    );
    try testing.expect(repeated.allowed);
    try testing.expectEqual(null, audit.due(&buffer, audit.deadline() - 1));
}

test "decisions about more subjects than are told apart are counted together" {
    var audit: Audit = .{};
    var recorded: usize = 0;
    for (0..audited_max + 36) |subject| {
        recorded += @intFromBool(audit.note(decided(false, subject), 0));
    }
    try testing.expectEqual(@as(usize, audited_max), recorded);
    var buffer: [audit_bytes_max]u8 = undefined;
    const repeated = audit.due(&buffer, audit.deadline()).?;
    try testing.expectEqualStrings(
        "audit v1 op=- decision=- subject=others reason=policy repeats=36",
        repeated.text,
    );
    try testing.expect(!repeated.allowed);
}

test "the longest record of repetitions fits" {
    var buffer: [audit_bytes_max]u8 = undefined;
    try testing.expectEqualStrings(
        "audit v1 op=check_cap_delegated decision=allow subject=0xffffffffffffffff " ++
            "reason=policy repeats=18446744073709551615",
        repeatedText(&buffer, decided(true, std.math.maxInt(u64)), std.math.maxInt(u64)),
    );
}
