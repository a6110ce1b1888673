//! A peer that proves another key than the configuration pins is refused, named, and in the log.

const std = @import("std");
const fake = @import("pair_fake.zig");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;

test "a peer with another key than the pinned one has no session, and the log says who it was not" {
    const world = try fake.World.create();
    defer world.destroy();
    const a = world.add();
    const b = world.add();
    world.know(a, b, true);
    world.know(b, a, false);
    world.configs[b].peer_list[0].key[0] ^= 1;
    try world.start(a);
    try world.start(b);
    world.run(5000 * fake.ms, fake.Nobody{});
    for (world.edges[0..2]) |*edge| {
        try expectEqual(@as(usize, 0), edge.printed("cross-vm session ok"));
    }
    try expect(world.edges[b].printed("identity mismatch peer=node-a") >= 1);
    try expect(world.edges[b].recorded("outcome=denied-unauthenticated peer=node-a") >= 1);
    // It is not reported again and again.
    try expect(world.edges[b].recorded("outcome=denied-unauthenticated") <= 8);
}
