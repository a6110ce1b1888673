//! The services of a host in memory that call other nodes, and the answers that they get.

const front = @import("wire").front;
const state_frames = @import("wire").state;
const fake = @import("pair_fake.zig");
const World = fake.World;

/// Ask a peer by its place among the hosts, as the client of this number.
pub fn ask(world: *World, host: u8, peer: u8, number: u16, request: front.Request) !void {
    var buffer: [front.request_bytes_max]u8 = undefined;
    const to = fake.idOf(peer);
    const frame = try front.encodeRequestTo(&buffer, to.slice(), request);
    world.nodes[host].onRequest(.{ .slot = number, .sequence = number }, frame);
}

pub fn state(world: *World, host: u8, peer: u8, number: u16, request: state_frames.Request) !void {
    var buffer: [256]u8 = undefined;
    try ask(
        world,
        host,
        peer,
        number,
        .{ .state = try state_frames.encodeRequest(&buffer, request) },
    );
}

/// The answer that a client has had; null: none yet.
pub fn answerOf(world: *World, host: u8, number: u16) ?[]const u8 {
    const outside = &world.edges[host];
    for (outside.answers[0..outside.answer_count]) |*answer| {
        if (answer.client.slot == number) return answer.bytes[0..answer.len];
    }
    return null;
}

pub fn statusOf(world: *World, host: u8, number: u16, op: state_frames.Op) !?state_frames.Status {
    const answer = answerOf(world, host, number) orelse return null;
    const inner = front.decodeState(answer) orelse return error.NoAnswer;
    return (state_frames.decodeReply(inner, op, null) orelse return error.NoReply).status;
}

/// The connection of this host with its first peer fails.
pub fn drop(world: *World, host: u8) void {
    const line = world.nodes[host].lines.readyFor(0).?;
    world.edges[host].sockets[line.socket].is_failed = true;
    world.nodes[host].onSocket(line.socket, .{ .failed = true });
}
