//! The network interface of this node: its card, its address, its secret, and the frames between
//! card and stack.

const std = @import("std");
const contract = @import("contract");
const marker = contract.marker;
const core = @import("netstackd_core");
const net = @import("net");
const os = @import("os");
const svc = @import("svc");
const virtio = @import("virtio");
const wire = @import("wire");

/// The group of discovery, the only one a node listens to.
const group = net.address.fromBytes(contract.announce.group);
/// Frames taken in a row before clients get their turn.
const burst_max = 32;
const secret_bytes = 16;
const Tag = contract.node.NetstackTag;

const Address = struct { ip: net.address.Ip = 0, prefix: u6 = 0, gateway: ?net.address.Ip = null };

pub const Port = struct {
    card: virtio.net.Net = undefined,
    /// The card may hold more frames than the last burst took.
    has_more: bool = false,
    is_broken: bool = false,
    config_frame: [os.abi.payload_bytes_max]u8 = undefined,

    /// Set everything up, to an interface that works. False: a step failed, and one line says
    /// which.
    pub fn bringUp(self: *Port, server: *core.Server) bool {
        self.tryBringUp(server) catch |err| {
            server.is_up = false;
            os.print(marker.net_failed, .{reason(err)});
            return false;
        };
        return true;
    }

    fn tryBringUp(self: *Port, server: *core.Server) !void {
        try self.openCard();
        os.print(marker.net_card, .{});
        const address = try self.readAddress() orelse {
            os.print(marker.net_no_address, .{});
            return;
        };
        var random: [secret_bytes + 2]u8 = undefined;
        readEntropy(&random) catch return error.NoEntropy;
        server.bringUp(.{
            .mac = self.card.mac,
            .ip = address.ip,
            .prefix = address.prefix,
            .gateway = address.gateway,
            .group = group,
            .secret = random[0..secret_bytes].*,
            .port_seed = std.mem.readInt(u16, random[secret_bytes..], .little),
        });
        const ip = net.address.toBytes(address.ip);
        const words = .{ ip[0], ip[1], ip[2], ip[3], address.prefix };
        os.print(marker.net_address, words);
        try self.check(&server.stack);
        os.print(marker.selftest_net, .{});
    }

    fn openCard(self: *Port) !void {
        const base = os.sys.mmioMap(os.abi.slot.mmio) catch |err| return switch (err) {
            error.BadSlot => error.NoCapability,
            else => error.NoMapping,
        };
        const dma = os.Dma.create(virtio.net.memory_bytes) catch return error.NoBuffers;
        const memory: virtio.Memory = .{ .virtual = dma.virtual, .physical = dma.physical };
        self.card = try .init(@ptrFromInt(base), memory);
        if (!net.address.isUnicastMac(self.card.mac)) return error.WrongDevice;
        os.sys.irqBind(os.abi.slot.irq, os.abi.slot.server_send) catch return error.NoInterrupt;
    }

    /// Null: this node has no address.
    fn readAddress(self: *Port) !?Address {
        var address: Address = .{};
        var records = os.records.iterate(try os.config(&self.config_frame));
        while (try records.next()) |record| switch (record.tag) {
            @intFromEnum(Tag.address) => {
                if (record.value.len != 5 or record.value[4] > 32) return error.BadAddress;
                address.ip = net.address.fromBytes(record.value[0..4].*);
                address.prefix = @intCast(record.value[4]);
                if (!net.address.isHost(address.ip)) return error.BadAddress;
            },
            @intFromEnum(Tag.gateway) => {
                if (record.value.len != 4) return error.BadGateway;
                address.gateway = net.address.fromBytes(record.value[0..4].*);
            },
            else => return error.UnknownTag,
        };
        return if (address.ip == 0) null else address;
    }

    /// True: the interface works. An echo to ourselves goes through the whole stack. The card takes
    /// and gives back a frame: the announcement of our address, for which the link has a use.
    fn check(self: *Port, stack: *net.Stack) !void {
        const frame = try self.card.room() orelse return error.CardBusy;
        self.card.send(frame, announce(stack, frame.bytes));
        self.card.kickTransmit();
        for (0..100) |_| {
            if (self.card.transmit_queue.take() catch return error.CardBroken) |_| break;
            svc.sleep(std.time.ns_per_ms);
        } else return error.CardSilent;
        const now = os.nsec();
        _ = stack.sendPing(stack.config.ip, now, 0) catch return error.EchoFailed;
        self.transmit(stack, now);
        const done = stack.pings.nextDone() orelse return error.EchoFailed;
        if (done.rtt_ns == null) return error.EchoFailed;
    }

    /// Take the interrupt. This is done before looking at the card, so that a later frame raises it
    /// again.
    pub fn acknowledge(self: *Port) void {
        self.card.transport.acknowledgeInterrupt();
        os.sys.irqAck(os.abi.slot.irq) catch {};
    }

    /// Move frames from the card to the stack.
    pub fn receive(self: *Port, stack: *net.Stack, now: u64) void {
        self.has_more = false;
        if (self.is_broken) return;
        for (0..burst_max) |taken| {
            const frame = (self.card.receive() catch return self.breakDown()) orelse {
                if (taken > 0) self.card.kickReceive();
                return;
            };
            stack.receive(frame.bytes, now);
            self.card.recycle(frame.id);
        }
        self.card.kickReceive();
        self.has_more = true;
    }

    /// Move frames from the stack to the card, as many as it takes now.
    pub fn transmit(self: *Port, stack: *net.Stack, now: u64) void {
        if (self.is_broken) return;
        var sent: usize = 0;
        while (true) : (sent += 1) {
            const place = (self.card.room() catch return self.breakDown()) orelse break;
            const frame = stack.transmit(place.bytes, now) orelse break;
            self.card.send(place, frame.len);
        }
        if (sent > 0) self.card.kickTransmit();
    }

    /// The device broke its own rules, so the driver believes nothing that it says any more.
    fn breakDown(self: *Port) void {
        self.is_broken = true;
        self.has_more = false;
        os.print(marker.net_broken, .{});
    }
};

fn reason(err: anyerror) []const u8 {
    return switch (err) {
        error.NoCapability => "mmio-cap-missing",
        error.NoMapping => "mmio-map",
        error.NoBuffers => "no-bufs",
        error.NotVirtio => "virtio-probe",
        error.FeaturesRefused => "virtio-features",
        error.WrongDevice, error.QueueUnavailable => "unsupported",
        error.Malformed, error.UnknownTag, error.BadAddress, error.BadGateway => "configuration",
        error.NoEntropy => "no-entropy",
        error.CardBusy, error.CardBroken, error.CardSilent => "device-silent",
        error.EchoFailed => "echo",
        else => "internal",
    };
}

fn readEntropy(out: []u8) !void {
    const rngd = try os.route("rngd");
    var request: [wire.entropy.request_bytes]u8 = undefined;
    var answer: [64]u8 = undefined;
    const frame = try wire.entropy.encodeRequest(&request, @intCast(out.len));
    const bytes = try os.call(rngd, frame, &answer, os.call_timeout_ns);
    const reply = wire.entropy.decodeReply(bytes) orelse return error.Malformed;
    if (reply.status != .ok or reply.bytes.len != out.len) return error.Refused;
    @memcpy(out, reply.bytes);
}

/// An ARP request for our own address (RFC 5227 section 2.3).
fn announce(stack: *const net.Stack, out: []u8) usize {
    const packet = net.packet;
    const mac = stack.config.mac;
    packet.putEthernet(out, net.address.broadcast_mac, mac, packet.EtherType.arp);
    const words: packet.Arp = .{
        .operation = packet.Arp.request,
        .sender_mac = mac,
        .sender_ip = stack.config.ip,
        .target_ip = stack.config.ip,
    };
    words.write(out[packet.ethernet_bytes..], @splat(0));
    return packet.ethernet_bytes + packet.arp_bytes;
}
