//! What the client does with files of the other node's packages.
//!
//! `ask` makes a request of `DS` and gives the whole answer, which says ok.

const std = @import("std");
const os = @import("os");
const svc = @import("svc");
const wire = @import("wire");
const front = wire.front;

const path = "pkg:/system/build.prop";
const piece_bytes = 64;
/// Handles of a session.
const handles_max = 8;
/// A handle that is not used for so long makes room.
const idle_ns = 10 * std.time.ns_per_s;
const closes_max = 4;
const close_pause_ns = 300 * std.time.ns_per_ms;

/// One file from its size to its end. It is closed, too, if it could not be read.
pub fn read(ask: anytype) !void {
    const said = try ask(.{ .package_stat = path }, .package_stat);
    const stat = front.decodePackageTail(said, .package_stat);
    const size = std.mem.readInt(u64, (stat orelse return error.NotThisReply)[0..8], .little);
    const handle = try open(ask);
    const piece = readPiece(ask, handle, size);
    const closed = close(ask, handle);
    try piece;
    try closed;
    // Closed once, it is good for nothing any more.
    if (close(ask, handle)) |_| return error.HandleLives else |err| {
        if (err != error.BadHandle) return err;
    }
}

fn open(ask: anytype) !u32 {
    const opened = try ask(.{ .package_open = path }, .package_open);
    return std.mem.readInt(u32, opened[5..9], .little);
}

/// A node that has had too many calls refuses this one, too; no other client will close the file.
fn close(ask: anytype, handle: u32) !void {
    for (1..closes_max) |_| {
        _ = ask(.{ .package_close = handle }, .package_close) catch |err| {
            if (err == error.BadHandle) return err;
            svc.sleep(close_pause_ns);
            continue;
        };
        return;
    }
    _ = try ask(.{ .package_close = handle }, .package_close);
}

fn readPiece(ask: anytype, handle: u32, size: u64) !void {
    const what: front.Request = .{
        .package_read = .{ .handle = handle, .offset = 0, .len = piece_bytes },
    };
    const tail = front.decodePackageTail(try ask(what, .package_read), .package_read);
    const bytes = (tail orelse return error.NotThisReply)[2..];
    if (bytes.len != @min(size, piece_bytes)) return error.WrongValue;
    if (!std.mem.startsWith(u8, bytes, "ro.nexus.build=")) return error.WrongValue;
}

/// As many files are open as may be: a file left open before does not hinder it. Then the one that
/// was not used for the longest time makes room for another, and no other does.
pub fn fill(ask: anytype) !void {
    var handles: [handles_max]u32 = undefined;
    var count: usize = 0;
    // What was asked before has emptied the bucket of calls; here each counts.
    svc.sleep(std.time.ns_per_s);
    defer for (handles[0..count]) |handle| close(ask, handle) catch {};
    while (count < handles_max) : (count += 1) handles[count] = try open(ask);
    svc.sleep(idle_ns / 2);
    try probe(ask, handles[0]);
    svc.sleep(idle_ns / 2 + std.time.ns_per_s / 10);
    const another = try open(ask);
    defer close(ask, another) catch {};
    try probe(ask, handles[0]);
    for (handles[2..]) |handle| try probe(ask, handle);
    if (probe(ask, handles[1])) |_| return error.HandleLives else |err| {
        if (err != error.HandleLost) return err;
    }
}

/// Is it open?
fn probe(ask: anytype, handle: u32) !void {
    const what: front.Request = .{ .package_read = .{ .handle = handle, .offset = 0, .len = 1 } };
    _ = ask(what, .package_read) catch |err| {
        return if (err == error.BadHandle) error.HandleLost else err;
    };
}
