//! The numbers of things that a node holds. A test that looks for leaks reads them after a quiet
//! time.

/// Connections, calls of peers, requests of this node's own services, files that peers have open,
/// streams, and nodes that it has heard of.
pub fn of(node: anytype) [6]u16 {
    var lines: u16 = 0;
    var streams: u16 = 0;
    for (node.lines.used()) |*line| {
        lines += @intFromBool(line.state != .free);
        if (!line.isReady()) continue;
        const peer = line.bound orelse continue;
        for (&node.talks[peer].mux.streams.all) |*stream| streams += @intFromBool(stream.id != 0);
    }
    var calls: u16 = 0;
    for (node.calls.used()) |*call| calls += @intFromBool(call.is_used);
    var asks: u16 = 0;
    for (&node.desk.entries) |*entry| asks += @intFromBool(entry.* != null);
    var files: u16 = 0;
    for (&node.packages) |*handles| {
        for (&handles.open) |*slot| files += @intFromBool(slot.* != null);
    }
    return .{ lines, calls, asks, files, streams, @intCast(node.table.count) };
}
