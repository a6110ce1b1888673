//! Attacks that live by number: connections without end, words without end, announces without end.

const std = @import("std");
const os = @import("os");
const sock = @import("sock");
const self = @import("self.zig");
const air = @import("air.zig");
const enrolled = @import("enrolled.zig");
const Line = @import("line.zig").Line;
const Verdict = @import("verdict.zig").Verdict;

/// More than the target lets in before they have said who they are.
const silent_max = 16;
/// More than a log has records.
const words_max = 150;
/// Behind the first of them, the target says how many there were.
const interval_ns: u64 = 11 * std.time.ns_per_s;
const spoofs = 100;
const spoof_pause_ns: u64 = 10 * std.time.ns_per_ms;

/// Hold every connection that there is, silently. Refused: an enrolled peer has its session all the
/// same.
pub fn holdSlots() !Verdict {
    var sockets: [silent_max]?sock.Id = @splat(null);
    defer for (sockets) |socket| if (socket) |id| self.net.abort(id) catch {};
    for (&sockets) |*socket| socket.* = self.net.connect(air.target_address) catch null;
    // Those that found no room at once are tried again.
    try self.rest(3 * std.time.ns_per_s / 2);
    enrolled.callOnce() catch return .SUCCEEDED;
    return .refused;
}

/// Make records until none is left of any other host. What is left of them the auditor sees.
pub fn floodLog() !Verdict {
    for (0..words_max) |_| {
        var line = Line.dial() catch continue;
        defer line.hangUp();
        try line.write("GET / HTTP/1.1\r\n\r\n");
        if (!try line.isRefused()) return .SUCCEEDED;
    }
    try self.rest(interval_ns);
    return .refused;
}

/// Say in the names of both honest nodes that they are here, with their own keys. Refused: nobody
/// comes; that they did not lose their session is for the world to say.
pub fn redirect() !Verdict {
    const listener = try self.net.listen(air.spoofed_port);
    defer self.net.close(listener) catch {};
    for (0..spoofs) |_| {
        try air.send(self.target.slice(), air.target_key);
        try air.send(self.victim.slice(), try air.victimKey());
        try self.rest(spoof_pause_ns);
        if (try self.net.accept(listener)) |accepted| {
            self.net.abort(accepted.id) catch {};
            return .SUCCEEDED;
        }
    }
    return .refused;
}
