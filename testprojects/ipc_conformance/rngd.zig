//! Not the real rngd: by that name init grants it a device, and what a driver holds must not help
//! it to harm the kernel, which would read device registers on its behalf if it copied from
//! wherever a pointer leads.

const os = @import("os");
const expect = @import("expect.zig");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

const slot = os.abi.slot;
var buffer: [16]u8 = undefined;

pub fn main() !void {
    const address = try os.sys.mmioMap(slot.mmio);
    const magic: *const volatile u32 = @ptrFromInt(address);
    try expect.that(magic.* == 0x7472_6976, "the device itself answers");
    const registers = @as([*]u8, @ptrFromInt(address))[0..8];
    try expect.refusal(
        os.send(slot.server_send, registers, .{}),
        error.Fault,
        "payload in a device",
    );
    try os.send(slot.server_send, "kept", .{});
    const into = os.recv(slot.server_recv, registers, 0);
    try expect.refusal(into, error.Fault, "receive into a device");
    try os.sys.irqBind(slot.irq, slot.server_send);
    try os.sys.irqAck(slot.irq);
    try expect.refusal(os.sys.irqBind(slot.mmio, slot.server_send), error.BadSlot, "no interrupt");
    const info = try os.sys.capQuery(slot.mmio);
    try expect.that(info.kind == 2 and info.len == 4096, "query of a device");
    os.print("SELFTEST: ipc device memory ok", .{});

    // It makes no calls any more, so it can afford to lose the only way into its inbox.
    os.sys.capClose(slot.inbox_send);
    const alone = os.recv(slot.inbox_recv, &buffer, 0);
    try expect.refusal(alone, error.Broken, "receive where nobody can send");
    os.print("SELFTEST: ipc no sender left ok", .{});
}
