//! Attacks that any host on the network can try.

const os = @import("os");
const noise = @import("noise");
const dsoftbus = @import("dsoftbus");
const self = @import("self.zig");
const air = @import("air.zig");
const Line = @import("line.zig").Line;
const Verdict = @import("verdict.zig").Verdict;

/// Announce a known peer's id with a key of our own, then come as that peer with that key.
pub fn forgeAnnounce() !Verdict {
    const key = try self.freshKey();
    try air.sendRaw("NXSB is what this begins with, but that is all");
    try air.send(self.victim.slice(), key.public);
    return comeAs(&self.victim, key);
}

/// Announce ourselves honestly, with a key that no node has enrolled.
pub fn useUnknownKey() !Verdict {
    const key = try self.freshKey();
    const id = try dsoftbus.Id.from("node-x");
    try air.send(id.slice(), key.public);
    return comeAs(&id, key);
}

/// Run the whole handshake. Refused: the target closes the connection instead of speaking in the
/// session.
fn comeAs(id: *const dsoftbus.Id, key: noise.KeyPair) !Verdict {
    var line: Line = undefined;
    try line.startSession(id, key);
    defer line.hangUp();
    if (try line.next()) |event| if (event != .proven) return error.Unexpected;
    try line.session.admit(os.nsec());
    return if (try line.next()) |_| .SUCCEEDED else .refused;
}

pub fn sendGarbage() !Verdict {
    var line = try Line.dial();
    defer line.hangUp();
    try line.write("GET /index.html HTTP/1.1\r\nHost: node\r\n\r\n");
    return if (try line.isRefused()) .refused else .SUCCEEDED;
}

/// A right message 1, then a request in the clear where message 3 belongs.
pub fn sendEarlyData() !Verdict {
    const key = try self.freshKey();
    const id = try dsoftbus.Id.from("node-x");
    var line: Line = undefined;
    try line.startSession(&id, key);
    defer line.hangUp();
    const event = try line.next() orelse return error.ClosedTooEarly;
    if (event != .proven) return error.Unexpected;
    var buffer: [2 + 274]u8 = undefined;
    const frame = try dsoftbus.frames.encodeRequest(buffer[2..], .{
        .service = 1,
        .correlation = 1,
        .deadline_ms = 1000,
        .payload = "SM\x01\x06\x06samgrd",
    });
    buffer[0] = 0;
    buffer[1] = @intCast(frame.len);
    try line.write(buffer[0 .. 2 + frame.len]);
    return if (try line.isRefused()) .refused else .SUCCEEDED;
}
