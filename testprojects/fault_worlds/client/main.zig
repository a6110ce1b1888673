//! A client of another node, as a user of the API would be: it asks for what its configuration
//! lists, asks again where no answer came, and prints every call before it is made and every
//! answer behind it. Each change of the state has a value of its own, so that a reader knows whose
//! it sees.
//!
//!     workload: boot <tag>                    a new life; the tag is in all its names
//!     workload: call <tag>.<step>.<try> <what> [<key> [<value>]]
//!     workload: done <tag>.<step>.<try> <how it ended>
//!     workload: usage <service> <capabilities> [<what else it holds>]
//!     workload: audit <id> <message>          a record of this node's log
//!     workload: alive <tag>, workload: end

const std = @import("std");
const os = @import("os");
const svc = @import("svc");
const wire = @import("wire");
const files = @import("files.zig");
const plan_file = @import("plan.zig");
const front = wire.front;
const state = wire.state;
const Step = plan_file.Step;

pub const panic = os.panic;
comptime {
    _ = os.start;
}

/// dsoftbusd answers within its patience of four seconds, whatever the other node does.
const call_ns = 5 * std.time.ns_per_s;
const pause_ns = 200 * std.time.ns_per_ms;
const text_bytes_max = 48;
/// When it is asked for the first time what services hold: they have begun by then.
const usage_ns = 150 * std.time.ns_per_ms;
const services = [_][]const u8{
    "logd",       "policyd",   "samgrd",    "rngd", "packagefsd", "statefsd",
    "bundlemgrd", "netstackd", "dsoftbusd",
};
/// Nothing of theirs may be done for a peer.
const abuses = [_]Abuse{
    .{ .name = "keystore", .request = .{ .op = .put, .key = "/state/keystore/w", .value = "x" } },
    .{ .name = "escape", .request = .{ .op = .put, .key = "/state/shared/../w", .value = "x" } },
    .{ .name = "list", .request = .{ .op = .list, .key = "/state/shared/", .limit = 8 } },
    .{ .name = "reopen", .request = .{ .op = .reopen } },
    .{ .name = "begin", .request = .{ .op = .txn_begin } },
};
const Abuse = struct { name: []const u8, request: state.Request };

var section: [8192]u8 = undefined;
var request_buffer: [os.abi.payload_bytes_max]u8 = undefined;
var envelope: [front.request_bytes_max]u8 = undefined;
var reply_buffer: [os.abi.payload_bytes_max]u8 = undefined;

var plan: plan_file.Plan = .{};
var dsoftbusd: os.Slot = undefined;
var nonce: u64 = 0;
/// Tells this life of the node from the others.
var tag: [8]u8 = undefined;

pub fn main() !void {
    plan = try plan_file.parse(try os.config(&section));
    try drawTag();
    os.print("workload: boot {s}", .{tag});
    dsoftbusd = try os.route("dsoftbusd");
    if (os.nsec() < usage_ns) svc.sleep(usage_ns - os.nsec());
    printUsage();
    for (plan.list(), 0..) |step, number| {
        const at_ns = @as(u64, step.at_ms) * std.time.ns_per_ms;
        const now_ns = os.nsec();
        if (now_ns < at_ns) svc.sleep(at_ns - now_ns);
        run(step, number);
    }
    printUsage();
    os.print("workload: end", .{});
}

/// What the services of this node hold, as far as there is a route to them.
fn printUsage() void {
    for (services) |name| {
        const slot = os.route(name) catch continue;
        defer os.sys.capClose(slot);
        const patience_ns = std.time.ns_per_s / 2;
        const said = os.call(slot, wire.usage.request, &reply_buffer, patience_ns) catch continue;
        var numbers: [wire.usage.numbers_max]u16 = undefined;
        const held = wire.usage.decodeReply(said, &numbers) orelse continue;
        var text: [64]u8 = undefined;
        var out: std.Io.Writer = .fixed(&text);
        for (held) |number| out.print(" {d}", .{number}) catch unreachable; // six bytes each
        os.print("workload: usage {s}{s}", .{ name, out.buffered() });
    }
}

/// From the entropy device: that one life draws what another did is not to be expected.
fn drawTag() !void {
    const rngd = try os.route("rngd");
    const frame = try wire.entropy.encodeRequest(&request_buffer, tag.len / 2);
    const answer = try os.call(rngd, frame, &reply_buffer, call_ns);
    const reply = wire.entropy.decodeReply(answer) orelse return error.NoEntropy;
    if (reply.status != .ok or reply.bytes.len != tag.len / 2) return error.NoEntropy;
    _ = std.fmt.bufPrint(&tag, "{x}", .{reply.bytes}) catch unreachable; // two digits a byte
}

fn run(step: Step, number: usize) void {
    switch (step.op) {
        .audit => printLog() catch |err| {
            os.print("workload: audit failed {s}", .{@errorName(err)});
        },
        .alive => prove(step, number),
        else => _ = attempt(step, number, 0),
    }
}

/// One of each kind, in this order, each until it works or the tries are over.
fn prove(step: Step, number: usize) void {
    const order = [_]plan_file.Op{ .resolve, .query, .package, .put, .sync, .get };
    var tries: u8 = 0;
    for (order) |op| {
        var one = step;
        one.op = op;
        one.tries = step.tries -| tries;
        tries = attempt(one, number, tries) orelse return;
    }
    os.print("workload: alive {s}", .{tag});
}

const Name = struct {
    number: usize,
    count: u8,

    pub fn format(self: Name, writer: *std.Io.Writer) std.Io.Writer.Error!void {
        try writer.print("{s}.{d}.{d}", .{ tag, self.number, self.count });
    }
};

/// The number of tries so far; null if none of them worked.
fn attempt(step: Step, number: usize, before: u8) ?u8 {
    for (0..step.tries) |i| {
        if (i != 0) svc.sleep(pause_ns);
        const count: u8 = @intCast(before + i);
        if (make(step, .{ .number = number, .count = count })) return count + 1;
    }
    return null;
}

/// True: there was an answer.
fn make(step: Step, name: Name) bool {
    var key_buffer: [text_bytes_max]u8 = undefined;
    var value_buffer: [text_bytes_max]u8 = undefined;
    const key = std.fmt.bufPrint(&key_buffer, "/state/shared/w/{d}", .{step.key}) catch unreachable;
    const value = std.fmt.bufPrint(&value_buffer, "{f}", .{name}) catch unreachable;
    switch (step.op) {
        .put => os.print("workload: call {f} put {d} {s}", .{ name, step.key, value }),
        .get, .delete => os.print("workload: call {f} {t} {d}", .{ name, step.op, step.key }),
        .abuse => os.print("workload: call {f} abuse {s}", .{ name, abuseOf(step).name }),
        else => os.print("workload: call {f} {t}", .{ name, step.op }),
    }
    const request: state.Request = switch (step.op) {
        .put => .{ .op = .put, .key = key, .value = value },
        .get => .{ .op = .get, .key = key },
        .delete => .{ .op = .delete, .key = key },
        .sync => .{ .op = .sync },
        .abuse => abuseOf(step).request,
        else => return other(step.op, name),
    };
    const reply = askState(request) catch |err| return unknown(name, err);
    return tellState(request.op, reply, name);
}

fn abuseOf(step: Step) *const Abuse {
    return &abuses[step.key % abuses.len];
}

fn unknown(name: Name, reason: anyerror) bool {
    os.print("workload: done {f} unknown {s}", .{ name, @errorName(reason) });
    return false;
}

fn askState(request: state.Request) !state.Reply {
    nonce += 1;
    var numbered = request;
    numbered.nonce = nonce;
    const frame = try state.encodeRequest(&request_buffer, numbered);
    const answer = try ask(.{ .state = frame }, .state);
    const inner = front.decodeState(answer) orelse return error.NotThisReply;
    return state.decodeReply(inner, request.op, nonce) orelse error.NotThisReply;
}

/// The whole answer, which says ok.
fn ask(request: front.Request, op: front.Op) ![]const u8 {
    const frame = try front.encodeRequestTo(&envelope, plan.peer, request);
    const answer = try os.call(dsoftbusd, frame, &reply_buffer, call_ns);
    const status = front.decodeStatus(answer, op) orelse return error.NotThisReply;
    return switch (status) {
        .ok => answer,
        .fail => error.Failed,
        .badf => error.BadHandle,
        .io => error.Io,
        else => error.WrongStatus,
    };
}

fn tellState(op: state.Op, reply: state.Reply, name: Name) bool {
    switch (reply.status) {
        .ok => if (op != .get) {
            os.print("workload: done {f} ok", .{name});
        } else if (state.valueOf(reply)) |value| {
            os.print("workload: done {f} value {s}", .{ name, value[0..@min(value.len, 64)] });
        } else return unknown(name, error.NotThisReply),
        .not_found => os.print("workload: done {f} absent", .{name}),
        .io_error => return unknown(name, error.Io),
        else => os.print("workload: done {f} refused {t}", .{ name, reply.status }),
    }
    return true;
}

fn other(op: plan_file.Op, name: Name) bool {
    const result = switch (op) {
        .resolve => resolve(),
        .query => query(),
        .handles => files.fill(ask),
        else => files.read(ask),
    };
    result catch |err| return unknown(name, err);
    os.print("workload: done {f} ok", .{name});
    return true;
}

fn resolve() !void {
    _ = try ask(.{ .resolve = "bundlemgrd" }, .resolve);
}

fn query() !void {
    const answer = try ask(.bundle_list, .bundle_list);
    if ((front.decodeBundleCount(answer) orelse 0) == 0) return error.WrongValue;
}

/// Every record of the gateway's and of the log itself, oldest first.
fn printLog() !void {
    const logd = try os.route("logd");
    var since_ns: u64 = 0;
    var last: u64 = 0;
    while (true) {
        nonce += 1;
        const query_frame = try wire.log.encodeRequest(&request_buffer, nonce, .{
            .query = .{ .since_ns = since_ns, .max = 64 },
        });
        const answer = try os.call(logd, query_frame, &reply_buffer, call_ns);
        var records = wire.log.decodeQueryReply(answer, nonce) orelse return error.NotThisReply;
        var news: usize = 0;
        while (try records.next()) |record| {
            since_ns = record.time_ns;
            if (record.id <= last) continue;
            last = record.id;
            news += 1;
            if (!std.mem.eql(u8, record.scope, "dsoftbusd")) continue;
            os.print("workload: audit {d} {s}", .{ record.id, record.message });
        }
        if (news == 0) break;
    }
    os.print("workload: audited {d}", .{last});
}
