//! The generated readers and writers of messages, for a program of this machine.

const std = @import("std");
const contract = @import("contract");
const message = contract.message;

const limits: message.Limits = .{
    .words = contract.rpc.message_words_max,
    .traversal = contract.rpc.traversal_words_max,
    .nesting = contract.rpc.nesting_max,
};

const refused: isize = -1;
const no_room: isize = -2;
const unknown: isize = -3;

/// Read a message of the kind of this name, such as `log.Record`, and write what was read. The
/// length written, or why there is none. What stands in a field of unknown type is left out.
pub export fn contract_rewrite(
    name: [*]const u8,
    name_len: usize,
    in: [*]const u8,
    in_len: usize,
    out: [*]u8,
    out_len: usize,
) isize {
    inline for (kinds) |kind| {
        if (std.mem.eql(u8, kind.name, name[0..name_len])) {
            var reader = message.Reader.open(in[0..in_len], limits) catch return refused;
            const value = reader.root(kind.type) catch return refused;
            const written = message.encode(value, out[0..out_len]) catch return no_room;
            return @intCast(written.len);
        }
    }
    return unknown;
}

/// As above; then read what stands in the field `field` as a message of the kind `inner`. 0 if both
/// are well-formed.
pub export fn contract_judge_call(
    inner: [*]const u8,
    inner_len: usize,
    in: [*]const u8,
    in_len: usize,
) isize {
    inline for (kinds) |kind| {
        if (std.mem.eql(u8, kind.name, inner[0..inner_len])) {
            var reader = message.Reader.open(in[0..in_len], limits) catch return refused;
            const call = reader.root(contract.rpc.Call) catch return refused;
            _ = reader.read(kind.type, call.params) catch return refused;
            return 0;
        }
    }
    return unknown;
}

const Named = struct { name: []const u8, type: type };

/// Every message of the contract.
const kinds = found: {
    @setEvalBranchQuota(100_000);
    var list: []const Named = &.{};
    for (@typeInfo(contract).@"struct".decls) |module| {
        const namespace = @field(contract, module.name);
        for (@typeInfo(namespace).@"struct".decls) |decl| {
            const thing = @field(namespace, decl.name);
            if (@TypeOf(thing) != type or @typeInfo(thing) != .@"struct") continue;
            if (!@hasDecl(thing, "layout")) continue;
            list = list ++ &[_]Named{.{ .name = module.name ++ "." ++ decl.name, .type = thing }};
        }
    }
    break :found list;
};

test {
    _ = @import("host_test.zig");
}
