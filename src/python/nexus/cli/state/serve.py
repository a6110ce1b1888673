"""`nexus state serve`: be a node whose state permitted peers may read and write."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from nexus.cli.bus.program import Outcome, command_line, fail, read_settings
from nexus.cli.bus.serving import Printer, serve_until_stopped
from nexus.cli.state.program import state_outcome_of
from nexus.core.commandline import bounded
from nexus.core.errors import NexusError
from nexus.dsoftbus import log
from nexus.dsoftbus.io.log import NodeLog
from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.record import change_fields
from nexus.dsoftbus.io.settings import Handler
from nexus.entry.program import Text, run_program
from nexus.remotefs.state.acl import ChangeRecord
from nexus.remotefs.state.block import DeviceError
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.io.service import StateService
from nexus.remotefs.state.replies import SERVICE
from nexus.remotefs.state.share import Share
from nexus.remotefs.state.store import Store
from nexus.remotefs.state.tool import FileDevice
from nexus.wire.state import Op
from nexus.wire.transfer import STREAM

# Option, unit, highest, and what it is for.
_SHARES: Final = (
    ("--peer-keys", 1, 8192, "keys that one peer may set (4096)"),
    ("--peer-kib", 1024, 65_536, "KiB that the entries of one peer may take (4096)"),
    ("--reserve-keys", 1, 8192, "keys that all peers together leave to this node (512)"),
    ("--reserve-kib", 1024, 65_536, "KiB that all peers together leave to this node (1024)"),
)


def main(arguments: Sequence[str]) -> int:
    """Serve until interrupted."""
    parser = command_line(
        "serve",
        "Announce this node and let the peers that its configuration permits use a state disk"
        " image, below /state/shared/, and read the log of its decisions. Each decision is printed,"
        " too. The command ends with SIGINT or SIGTERM."
        " A new image is zeros: `truncate -s 1M state.img`.",
        "state.img",
        group="state",
    )
    parser.add_argument("image", type=Path, help="a state disk image; one program may have it open")
    for option, _, _, what in _SHARES:
        parser.add_argument(option, metavar="N", help=what)
    is_json = "--json" in arguments
    try:
        options = parser.parse_args(list(arguments))
        asyncio.run(_serve(options, _share_of(options)))
    except (NexusError, OSError) as exc:
        is_image = isinstance(exc, DeviceError | StateError)
        outcome = Outcome.BAD_CONFIGURATION if is_image else state_outcome_of(exc)
        return fail(outcome, str(exc), is_json=is_json)
    return Outcome.OK.value


def _share_of(options: Namespace) -> Share:
    """Return what peers may use, and what they leave.  Raises NexusError."""
    given = {}
    for option, unit, high, _ in _SHARES:
        name = option.removeprefix("--").replace("-", "_")
        number = bounded(option, getattr(options, name), 1 if "peer" in name else 0, high)
        if number is not None:
            given[name.replace("kib", "bytes")] = number * unit
    rules = read_settings(options, is_listening=True).rules
    setting = {(SERVICE, op) for op in (Op.PUT, Op.TXN_COMMIT)}
    peers = {rule.peer for rule in rules if (rule.service, rule.opcode) in setting}
    return replace(Share(), peers=max(1, len(peers)), **given)


async def _serve(options: Namespace, share: Share) -> None:
    settings = read_settings(options, is_listening=True)
    printer = Printer(options.json)
    with FileDevice(options.image, is_writable=True) as device:
        store = Store(device)
        node_log = NodeLog()

        def changed(record: ChangeRecord) -> None:
            node_log.append(record.level, record.message)
            printer.say(record.message, _fields_of(record))

        state = StateService(store, changed, share=share)
        sink = state.without_changes(node_log.keeping(printer.record))
        handlers: dict[int, Handler] = {SERVICE: state, log.SERVICE: node_log}
        streams = {STREAM: state.transfer}
        node = Node(settings, handlers, sink, streams, state.session_ended)
        note = f"; read only, {store.damage}" if store.damage else ""
        await serve_until_stopped(node, printer, note, {"damage": store.damage})
        if not store.damage:
            store.sync()


def _fields_of(record: ChangeRecord) -> dict[str, object]:
    return change_fields(
        level=record.level,
        operation=record.verb,
        outcome=record.ending,
        peer=record.peer,
        key_hash=record.key_hash,
    )


if __name__ == "__main__":
    run_program(main, Text.REPORT)
