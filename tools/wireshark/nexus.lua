-- Wireshark dissector for DSoftBus: announcements, the framing of Noise messages, and, in captures
-- whose sessions were opened, session frames, streams and the frames of services.
--
-- Install: copy this file into Wireshark's folder of personal Lua plugins (Help, About, Folders), or
-- give it to tshark: tshark -X lua_script:nexus.lua -r capture-opened.pcapng
--
-- Layouts are those of docs/spec/wire.md.  A frame that is too short, or says something that cannot
-- be, is marked with nexus.malformed.  Wireshark cannot open Noise sessions; `nexus world frames
-- CAPTURE --opened FILE` writes a capture in which each opened message is a packet of its own, of link
-- type USER0: one byte of direction, the connection's number in four, then the frame.

local nexus = Proto("nexus", "Nexus DSoftBus")
local announce = Proto("nexus_announce", "Nexus announce")
local noise = Proto("nexus_noise", "Nexus Noise messages")

local malformed = ProtoExpert.new(
  "nexus.malformed", "Malformed frame", expert.group.MALFORMED, expert.severity.ERROR)
nexus.experts = { malformed }

local fields = {}

-- define(kind, name, label, values): a field, made once however often it is named.
local function define(kind, name, label, values)
  if fields[name] == nil then
    local base = (kind == "bytes" or kind == "string") and base.NONE or base.DEC
    fields[name] = ProtoField[kind](name, label, base, values)
  end
  return fields[name]
end

-- A layout is a list of parts: { kind, name, label, values }, in the order of the bytes.  Kinds are
-- u8, u16, u32, u64, be16, key (32 bytes), zero16 and zero32, and `text` or `bytes` whose length is
-- that of the part named in the fifth place, or all the rest.
local WIDTHS = { u8 = 1, u16 = 2, u32 = 4, u64 = 8, be16 = 2, key = 32, zero8 = 1, zero16 = 2, zero32 = 4, zero56 = 7 }
local KINDS = { u8 = "uint8", u16 = "uint16", u32 = "uint32", u64 = "uint64", be16 = "uint16" }

local function prepare(layout)
  for _, part in ipairs(layout) do
    local kind = part[1]
    if KINDS[kind] then define(KINDS[kind], part[2], part[3], part[4])
    elseif kind == "text" then define("string", part[2], part[3])
    else define("bytes", part[2], part[3]) end
  end
  return layout
end

-- walk(buffer, at, tree, layout): adds the parts; returns where they end and their numbers, or nil.
local function walk(buffer, at, tree, layout)
  local numbers = {}
  for _, part in ipairs(layout) do
    local kind, name = part[1], part[2]
    local width = WIDTHS[kind]
    if width == nil then
      width = part[5] and numbers[part[5]] or (buffer:len() - at)
    end
    if at + width > buffer:len() then
      tree:add_proto_expert_info(malformed, "cut short at " .. name)
      return nil
    end
    if width > 0 then
      local range = buffer(at, width)
      if kind == "be16" then
        tree:add(fields[name], range)
        numbers[name] = range:uint()
      elseif KINDS[kind] then
        tree:add_le(fields[name], range)
        if width <= 4 then numbers[name] = range:le_uint() end
      else
        local item = tree:add(fields[name], range)
        if kind:sub(1, 4) == "zero" and range:bytes():tohex():find("[^0]") then
          item:add_proto_expert_info(malformed, name .. " must be zero")
        end
      end
    end
    at = at + width
  end
  return at, numbers
end

local function ends(buffer, at, tree)
  if at ~= nil and at < buffer:len() then
    tree:add_proto_expert_info(malformed, (buffer:len() - at) .. " bytes behind the frame's end")
  end
end

-- The frames of services, by magic: names of operations and statuses, and what follows the head of a
-- request and of a reply that is ok.
local function service(magic, name, versions, operations, statuses, requests, replies, always)
  local prefix = "nexus." .. magic:lower()
  local ops = {}
  for number, op in pairs(operations) do
    ops[number] = op
    ops[number + 128] = op .. " reply"
  end
  local made = {
    name = name, versions = versions, operations = operations, prefix = prefix, always = always,
    head = prepare({
      { "text2", prefix .. ".magic", name .. " magic" },
      { "u8", prefix .. ".version", "Version" },
      { "u8", prefix .. ".op", "Operation", ops },
    }),
    nonce = prepare({ { "u64", prefix .. ".nonce", "Nonce" } }),
    status = prepare({ { "u8", prefix .. ".status", "Status", statuses } }),
    requests = {}, replies = {},
  }
  for number, layout in pairs(requests) do made.requests[number] = prepare(layout) end
  for number, layout in pairs(replies) do made.replies[number] = prepare(layout) end
  return made
end
WIDTHS.text2 = 2

local function named(prefix, width, path)
  local length = prefix .. "." .. path .. "_length"
  return { width, length, "Length of the " .. path }, { "text", prefix .. "." .. path, path, nil, length }
end

local sm_len, sm_name = named("nexus.sm", "u8", "name")
local pk_len, pk_path = named("nexus.pk", "u16", "path")
local sf_key_len, sf_key = named("nexus.sf", "u16", "key")
local SF_TXN = { "u64", "nexus.sf.txn", "Transaction" }

local SERVICES = {
  SM = service("SM", "samgr", { [1] = true },
    { "register", "lookup", nil, "sender-pid", "sender-service-id", "resolve-status" },
    { [0] = "ok", "not found", "malformed", "unsupported" },
    {
      [1] = { sm_len, { "u32", "nexus.sm.send", "Send slot" }, { "u32", "nexus.sm.receive", "Receive slot" }, sm_name },
      [2] = { sm_len, sm_name }, [4] = {}, [5] = {}, [6] = { sm_len, sm_name },
    },
    {
      [1] = { { "u32", "nexus.sm.send", "Send slot" }, { "u32", "nexus.sm.receive", "Receive slot" } },
      [2] = { { "u32", "nexus.sm.send", "Send slot" }, { "u32", "nexus.sm.receive", "Receive slot" } },
      [4] = { { "u32", "nexus.sm.pid", "Process" } },
      [5] = { { "u64", "nexus.sm.service_id", "Service id" } },
      [6] = { { "u32", "nexus.sm.send", "Send slot" }, { "u32", "nexus.sm.receive", "Receive slot" } },
    }, true),
  BN = service("BN", "bundlemgr", { [1] = true }, { [1] = "list", [3] = "fetch-image" },
    { [0] = "ok", "malformed", "unsupported" },
    { [1] = {}, [3] = {} },
    {
      [1] = { { "u16", "nexus.bn.count", "Bundles" }, { "zero8", "nexus.bn.reserved", "Reserved" } },
      [3] = { { "u32", "nexus.bn.length", "Length" }, { "bytes", "nexus.bn.image", "Image", nil, "nexus.bn.length" } },
    }, true),
  PK = service("PK", "packagefs", { [1] = true }, { "stat", "open", "read", "close" },
    { [0] = "ok", "bad request", "unauthenticated", "path traversal", "not of packagefs", "not found", "bad handle", "oversized", "limit", "io" },
    {
      [1] = { pk_len, pk_path }, [2] = { pk_len, pk_path },
      [3] = { { "u32", "nexus.pk.handle", "Handle" }, { "u32", "nexus.pk.offset", "Offset" }, { "u16", "nexus.pk.length", "Length" } },
      [4] = { { "u32", "nexus.pk.handle", "Handle" } },
    },
    {
      [1] = { { "u64", "nexus.pk.size", "Size" }, { "u16", "nexus.pk.kind", "Kind" } },
      [2] = { { "u32", "nexus.pk.handle", "Handle" } },
      [3] = { { "u16", "nexus.pk.length", "Length" }, { "bytes", "nexus.pk.data", "Data", nil, "nexus.pk.length" } },
      [4] = {},
    }, false),
  SF = service("SF", "statefs", { [1] = true, [2] = true },
    { "put", "get", "delete", "list", "sync", "reopen", "txn-begin", "txn-put", "txn-commit", "txn-abort", "read" },
    { [0] = "ok", "not found", "access denied", "value too large", "key too long", "invalid key", "malformed", "io error",
      "unsupported", "integrity violation", "rollback detected", "txn limit" },
    {
      [1] = { sf_key_len, { "u32", "nexus.sf.value_length", "Length of the value" }, sf_key,
        { "bytes", "nexus.sf.value", "Value", nil, "nexus.sf.value_length" } },
      [2] = { sf_key_len, sf_key }, [3] = { sf_key_len, sf_key },
      [4] = { sf_key_len, { "u16", "nexus.sf.limit", "At most" }, sf_key },
      [5] = {}, [6] = {}, [7] = {},
      [8] = { SF_TXN, sf_key_len, { "u32", "nexus.sf.value_length", "Length of the value" }, sf_key,
        { "bytes", "nexus.sf.value", "Value", nil, "nexus.sf.value_length" } },
      [9] = { SF_TXN }, [10] = { SF_TXN },
      [11] = { sf_key_len, { "u32", "nexus.sf.offset", "Offset" }, { "u16", "nexus.sf.length", "Length" }, sf_key },
    },
    {
      [1] = {}, [3] = {}, [5] = {}, [6] = {}, [8] = {}, [9] = {}, [10] = {}, [7] = { SF_TXN },
      [2] = { { "u32", "nexus.sf.value_length", "Length of the value" }, { "bytes", "nexus.sf.value", "Value", nil, "nexus.sf.value_length" } },
      [4] = { { "u16", "nexus.sf.count", "Keys" }, { "bytes", "nexus.sf.keys", "Keys, each behind its length" } },
      [11] = { { "u32", "nexus.sf.total", "Length in all" }, { "u64", "nexus.sf.version_of_value", "Version of the value" },
        { "u16", "nexus.sf.length", "Length" }, { "bytes", "nexus.sf.value", "Value", nil, "nexus.sf.length" } },
    }, false),
  LO = service("LO", "logd", { [1] = true, [2] = true }, { "append", "query", "stats" },
    { [0] = "ok", "malformed", "unsupported", "too large", "invalid", "over limit", "rate limited" },
    {
      [1] = { { "u8", "nexus.lo.level", "Level" }, { "u8", "nexus.lo.scope_length", "Length of the scope" },
        { "u16", "nexus.lo.message_length", "Length of the message" }, { "u16", "nexus.lo.fields_length", "Length of the fields" },
        { "text", "nexus.lo.scope", "Scope", nil, "nexus.lo.scope_length" },
        { "text", "nexus.lo.message", "Message", nil, "nexus.lo.message_length" },
        { "text", "nexus.lo.fields", "Fields", nil, "nexus.lo.fields_length" } },
      [2] = { { "u64", "nexus.lo.since", "Since, ns" }, { "u16", "nexus.lo.limit", "At most" } },
      [3] = {},
    },
    {
      [1] = { { "u64", "nexus.lo.record", "Record" }, { "u64", "nexus.lo.dropped", "Dropped" } },
      [2] = { { "u64", "nexus.lo.total", "Records in all" }, { "u64", "nexus.lo.dropped", "Dropped" },
        { "u16", "nexus.lo.count", "Records here" }, { "bytes", "nexus.lo.records", "Records" } },
      [3] = { { "u64", "nexus.lo.total", "Records in all" }, { "u64", "nexus.lo.dropped", "Dropped" },
        { "bytes", "nexus.lo.capacity", "Capacities" } },
    }, false),
}
fields["nexus.sm.magic"] = nil
for _, known in pairs(SERVICES) do
  fields[known.prefix .. ".magic"] = ProtoField.string(known.prefix .. ".magic", known.name .. " magic")
end

-- payload(buffer, tree): a service's frame; returns a text for the column of information.
local function payload(buffer, tree)
  if buffer:len() < 4 then
    tree:add_proto_expert_info(malformed, "no frame of a service has " .. buffer:len() .. " bytes")
    return "malformed"
  end
  local known = SERVICES[buffer(0, 2):string()]
  if known == nil then
    tree:add_proto_expert_info(malformed, "no service has this magic")
    return "unknown service"
  end
  local inner = tree:add(nexus, buffer(), "Nexus " .. known.name)
  local at = walk(buffer, 0, inner, known.head)
  local version, op = buffer(2, 1):uint(), buffer(3, 1):uint()
  local is_reply = op >= 128
  local number = is_reply and op - 128 or op
  local layout = (is_reply and known.replies or known.requests)[number]
  if not known.versions[version] or layout == nil then
    inner:add_proto_expert_info(malformed, "no such version or operation")
    return known.name .. " malformed"
  end
  local text = known.name .. " " .. (known.operations[number] or number) .. (is_reply and " reply" or "")
  if is_reply then
    at = walk(buffer, at, inner, known.status)
    if at == nil then return text .. " malformed" end
    local status = buffer(4, 1):uint()
    text = text .. " status " .. status
    if version == 2 then at = walk(buffer, at, inner, known.nonce) end
    if status ~= 0 and at == buffer:len() then return text end
  elseif version == 2 then
    at = walk(buffer, at, inner, known.nonce)
  end
  if at == nil then return text .. " malformed" end
  ends(buffer, walk(buffer, at, inner, layout), inner)
  return text
end

local TYPES = {
  [1] = "REQUEST", [2] = "RESPONSE", [3] = "PING", [4] = "PONG", [16] = "SETTINGS", [17] = "OPEN",
  [18] = "OPEN_ACK", [19] = "DATA", [20] = "CREDIT", [21] = "CLOSE", [22] = "RESET",
}
define("uint8", "nexus.type", "Type", TYPES)
define("uint8", "nexus.direction", "Direction", { [0] = "to responder", [1] = "to initiator" })
define("uint32", "nexus.connection", "Connection")
local STREAM = { "u32", "nexus.stream", "Stream" }
local FRAMES = {
  [1] = prepare({ { "u8", "nexus.service", "Service", { "samgrd", "bundlemgrd", "packagefsd", "statefsd", "logd" } },
    { "u16", "nexus.payload_length", "Length of the payload" }, { "u64", "nexus.correlation", "Correlation id" },
    { "u32", "nexus.deadline", "Deadline, ms" }, { "zero16", "nexus.reserved16", "Reserved" } }),
  [2] = prepare({ { "u8", "nexus.status", "Status", { [0] = "ok", "refused", "failed" } },
    { "u16", "nexus.payload_length", "Length of the payload" }, { "u64", "nexus.correlation", "Correlation id" },
    { "zero32", "nexus.reserved32", "Reserved" } }),
  [3] = prepare({ { "zero56", "nexus.reserved56", "Reserved" }, { "u64", "nexus.nonce", "Nonce" } }),
  [16] = prepare({ { "u8", "nexus.version", "Version" }, { "u16", "nexus.streams_max", "Streams" },
    { "u32", "nexus.message_bytes_max", "Longest message" }, { "u32", "nexus.initial_credit", "Initial credit" } }),
  [17] = prepare({ STREAM, { "u8", "nexus.priority", "Priority" }, { "u8", "nexus.name_length", "Length of the name" },
    { "text", "nexus.name", "Name", nil, "nexus.name_length" } }),
  [18] = prepare({ STREAM }),
  [19] = prepare({ STREAM, { "bytes", "nexus.data", "Data" } }),
  [20] = prepare({ STREAM, { "u32", "nexus.credit", "Credit" } }),
  [21] = prepare({ STREAM }),
  [22] = prepare({ STREAM, { "u8", "nexus.reason", "Reason" } }),
}
FRAMES[4] = FRAMES[3]

-- The names of streams, by connection and number, as OPEN gave them; made anew for each reading.
local names = {}
function nexus.init() names = {} end

local frame -- The dissection of one session frame, which DATA of a gateway stream holds again.

-- calls(buffer, tree, key): the gateway frames in a DATA frame, if it begins with one.
local function calls(buffer, tree, connection)
  local at, texts = 0, {}
  while at < buffer:len() do
    local rest = buffer(at)
    local head = rest(0, 1):uint() == 1 and 18 or 16
    if rest:len() < head then break end
    local length = head + rest(2, 2):le_uint()
    if rest:len() < length then break end
    texts[#texts + 1] = frame(rest(0, length):tvb(), tree, connection)
    at = at + length
  end
  return table.concat(texts, ", ")
end

frame = function(buffer, tree, connection)
  if buffer:len() < 1 then
    tree:add_proto_expert_info(malformed, "an empty frame")
    return "malformed"
  end
  local kind = buffer(0, 1):uint()
  local name = TYPES[kind]
  local sub = tree:add(nexus, buffer(), "Nexus session frame: " .. (name or kind))
  sub:add(fields["nexus.type"], buffer(0, 1))
  if name == nil then
    sub:add_proto_expert_info(malformed, "no frame has type " .. kind)
    return "malformed"
  end
  local at, numbers = walk(buffer, 1, sub, FRAMES[kind])
  if at == nil then return name .. " malformed" end
  local text = name
  local key = connection .. "/" .. (numbers["nexus.stream"] or "")
  if kind == 17 then
    names[key] = buffer(7, numbers["nexus.name_length"]):string()
  end
  if numbers["nexus.stream"] then
    text = text .. " " .. numbers["nexus.stream"] .. " " .. (names[key] or "?")
  end
  if kind == 1 or kind == 2 then
    local length = numbers["nexus.payload_length"]
    if at + length ~= buffer:len() then
      sub:add_proto_expert_info(malformed, "the payload's length is not that of the frame")
      return text .. " malformed"
    end
    if length > 0 then text = text .. " " .. payload(buffer(at, length):tvb(), sub) end
    return text
  end
  if kind == 19 then
    if buffer:len() == 5 then sub:add_proto_expert_info(malformed, "DATA without data") end
    if names[key] == "gateway" then
      text = text .. ": " .. calls(buffer(5):tvb(), sub, connection)
    end
    return text
  end
  ends(buffer, at, sub)
  return text
end

function nexus.dissector(buffer, pinfo, tree)
  if buffer:len() < 6 then return 0 end
  pinfo.cols.protocol = "NEXUS"
  local top = tree:add(nexus, buffer())
  top:add(fields["nexus.direction"], buffer(0, 1))
  top:add_le(fields["nexus.connection"], buffer(1, 4))
  local text = frame(buffer(5):tvb(), top, buffer(1, 4):le_uint())
  pinfo.cols.info = (buffer(0, 1):uint() == 0 and "> " or "< ") .. text
  return buffer:len()
end

local ANNOUNCE = prepare({
  { "text4", "nexus.announce.magic", "Magic" }, { "u8", "nexus.announce.version", "Version" },
  { "u8", "nexus.announce.id_length", "Length of the id" },
  { "text", "nexus.announce.id", "Device id", nil, "nexus.announce.id_length" },
  { "be16", "nexus.announce.port", "TCP port" }, { "key", "nexus.announce.key", "Static public key" },
  { "u8", "nexus.announce.services", "Services" },
})
WIDTHS.text4 = 4
fields["nexus.announce.magic"] = ProtoField.string("nexus.announce.magic", "Magic")
define("uint8", "nexus.announce.name_length", "Length of the name")
define("string", "nexus.announce.service", "Service")

function announce.dissector(buffer, pinfo, tree)
  pinfo.cols.protocol = "NXSB"
  local sub = tree:add(nexus, buffer(), "Nexus announce")
  local at, numbers = walk(buffer, 0, sub, ANNOUNCE)
  if at == nil then
    pinfo.cols.info = "announce, malformed"
    return buffer:len()
  end
  if buffer(0, 4):string() ~= "NXSB" or buffer(4, 1):uint() ~= 1 then
    sub:add_proto_expert_info(malformed, "not an announce of version 1")
  end
  for _ = 1, numbers["nexus.announce.services"] do
    if at >= buffer:len() or at + 1 + buffer(at, 1):uint() > buffer:len() then
      sub:add_proto_expert_info(malformed, "cut short at nexus.announce.service")
      break
    end
    local length = buffer(at, 1):uint()
    sub:add(fields["nexus.announce.name_length"], buffer(at, 1))
    if length > 0 then sub:add(fields["nexus.announce.service"], buffer(at + 1, length)) end
    at = at + 1 + length
  end
  local id = buffer(6, numbers["nexus.announce.id_length"]):string()
  pinfo.cols.info = "announce of " .. id .. ", port " .. numbers["nexus.announce.port"]
  return buffer:len()
end

define("uint16", "nexus.noise.length", "Length of the message")
define("bytes", "nexus.noise.message", "Noise message")

local function noise_message(buffer, pinfo, tree)
  local length = buffer(0, 2):uint()
  local sub = tree:add(nexus, buffer(), "Nexus Noise message, " .. length .. " bytes")
  sub:add(fields["nexus.noise.length"], buffer(0, 2))
  if length == 0 then sub:add_proto_expert_info(malformed, "an empty message") end
  if length > 0 then sub:add(fields["nexus.noise.message"], buffer(2, length)) end
  return buffer:len()
end

function noise.dissector(buffer, pinfo, tree)
  pinfo.cols.protocol = "NOISE"
  dissect_tcp_pdus(buffer, tree, 2, function(tvb, _, at) return tvb(at, 2):uint() + 2 end, noise_message)
  return buffer:len()
end

local all = {}
for _, field in pairs(fields) do all[#all + 1] = field end
nexus.fields = all

-- Ports of docs/spec and of the nodes here; for others use Wireshark's "Decode As".
DissectorTable.get("udp.port"):add(37020, announce)
DissectorTable.get("tcp.port"):add("34567-34582", noise)
DissectorTable.get("wtap_encap"):add(wtap.USER0, nexus)
