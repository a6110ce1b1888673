//! dsoftbusd: finds the configured peers, holds one authenticated session with each, answers their
//! permitted calls and carries the node's own. One thread, one loop: everything that happens is a
//! message to the server endpoint or a deadline.
//!
//!     local services ──DS──▶ desk ──▶ link ──▶ netstackd          gate ──▶ samgrd, bundlemgrd, …
//!                                      ▲  └── event: frame ──────▶
//!     netstackd events ────────────────┘      beacon: announces out, peers in
//!
//! What is decided, and how bytes look, is in `lib/dsoftbus`; here is only the joining.

const os = @import("os");
const svc = @import("svc");
const sock = @import("sock");
const node = @import("node.zig");
const beacon = @import("beacon.zig");
const desk = @import("desk.zig");
const dialer = @import("dialer.zig");
const journal = @import("journal.zig");
const links = @import("links.zig");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

/// As long as the longest message there is, so that nothing a client sends fails to be received.
var inbox: [os.abi.payload_bytes_max]u8 = undefined;

pub fn main() !void {
    try node.load();
    if (node.config.peers().len != 0) {
        try node.open();
        try beacon.open();
        try links.open();
    }
    svc.ready();
    while (true) {
        runTimers();
        try takeMessage();
        links.pumpAll();
        desk.dispatch();
    }
}

fn runTimers() void {
    node.now_ns = os.nsec();
    if (node.config.peers().len == 0) return desk.expire();
    beacon.tick();
    links.tick();
    dialer.tick();
    desk.expire();
    journal.tick();
}

fn takeMessage() !void {
    // 0 would mean to wait for ever: the past is as good and says what is meant.
    const until = if (links.isHot() or beacon.isHot()) 1 else nextDeadline();
    const message = os.recv(os.abi.slot.server_recv, &inbox, until) catch |err| switch (err) {
        error.TimedOut => return,
        // The capability table is full: answering what waits frees slots, so go on.
        error.NoSpace => return,
        else => return err,
    };
    node.now_ns = os.nsec();
    if (sock.eventOf(message)) |event| {
        if (!beacon.note(event)) links.note(event);
    } else if (message.sender != 0) desk.take(message);
}

fn nextDeadline() u64 {
    const network = @min(@min(beacon.deadline(), links.deadline()), dialer.deadline());
    const at = @min(@min(network, desk.deadline()), journal.deadline());
    return if (at == node.never) 0 else @max(at, 1);
}
