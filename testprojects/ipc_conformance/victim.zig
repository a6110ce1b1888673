//! Dies in the way that its client asks for. It first hands its client a capability to its own
//! inbox, so that the client can see what is left of it afterwards.

const std = @import("std");
const os = @import("os");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

pub fn main() !void {
    var buffer: [16]u8 = undefined;
    const message = try os.recv(os.abi.slot.server_recv, &buffer, 0);
    const inbox = try os.sys.capClone(os.abi.slot.inbox_send, os.abi.Right.send);
    try os.send(message.moved.?, "inbox", .{ .move = inbox });
    // Long enough for the client to fill this service's queue and to block on it.
    _ = os.recv(os.abi.slot.inbox_recv, &buffer, os.after(20_000_000)) catch {};
    const slot = try os.sys.vmoCreate(4096);
    const address = try os.sys.vmMap(slot, 0, 4096, os.abi.Prot.read | os.abi.Prot.write);
    const word: *volatile u32 = @ptrFromInt(address);
    word.* = 1;
    try os.sys.vmUnmap(address, 4096);
    word.* = 2;
}
