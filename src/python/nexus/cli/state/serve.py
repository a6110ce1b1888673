"""`nexus state serve`: be a node whose state permitted peers may read and write."""

from __future__ import annotations

import asyncio
import signal
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from nexus.cli.bus.program import Outcome, command_line, emit, fail, read_settings
from nexus.cli.state.program import state_outcome_of
from nexus.core.errors import NexusError
from nexus.dsoftbus import log
from nexus.dsoftbus.audit import Record
from nexus.dsoftbus.io.log import NodeLog
from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.record import change_fields, record_fields
from nexus.dsoftbus.io.settings import Handler
from nexus.remotefs.state.acl import ChangeRecord
from nexus.remotefs.state.block import DeviceError
from nexus.remotefs.state.io.service import StateService
from nexus.remotefs.state.replies import SERVICE
from nexus.remotefs.state.store import StateError, Store
from nexus.remotefs.state.tool import FileDevice
from nexus.wire.transfer import STREAM


def main(arguments: Sequence[str]) -> int:
    """Serve until interrupted."""
    parser = command_line(
        "serve",
        "Announce this node and let the peers that its configuration permits use a state disk"
        " image, below /state/shared/, and read the log of its decisions. Each is printed too."
        " Ends with SIGINT or SIGTERM."
        " A new image is zeros: `truncate -s 1M state.img`.",
        "state.img",
        group="state",
    )
    parser.add_argument("image", type=Path, help="a state disk image; one program may have it open")
    is_json = "--json" in arguments
    try:
        asyncio.run(_serve(parser.parse_args(list(arguments))))
    except (NexusError, OSError) as exc:
        is_image = isinstance(exc, DeviceError | StateError)
        outcome = Outcome.BAD_CONFIGURATION if is_image else state_outcome_of(exc)
        return fail(outcome, str(exc), is_json=is_json)
    return Outcome.OK.value


async def _serve(options: Namespace) -> None:
    settings = read_settings(options)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    with FileDevice(options.image, is_writable=True) as device:
        store = Store(device)
        node_log = NodeLog()

        def changed(record: ChangeRecord) -> None:
            node_log.append(record.level, record.message)
            _show_change(record, is_json=options.json)

        state = StateService(store, changed)
        sink = state.without_changes(node_log.keeping(partial(_show, is_json=options.json)))
        handlers: dict[int, Handler] = {SERVICE: state, log.SERVICE: node_log}
        async with Node(settings, handlers, sink, {STREAM: state.transfer}) as node:
            where = f"{settings.address}:{node.port}"
            fields = {
                "event": "listening",
                "device_id": settings.device_id,
                "address": where,
                "damage": store.damage,
            }
            damaged = f"; read only, {store.damage}" if store.damage else ""
            text = f"{settings.device_id} listens on {where}{damaged}"
            _say(text, fields, is_json=options.json)
            await stopped.wait()
        if not store.damage:
            store.sync()


def _show(record: Record, *, is_json: bool) -> None:
    _say(record.message, record_fields(record), is_json=is_json)


def _show_change(record: ChangeRecord, *, is_json: bool) -> None:
    fields = change_fields(
        level=record.level,
        operation=record.verb,
        outcome=record.ending,
        peer=record.peer,
        key_hash=record.key_hash,
    )
    _say(record.message, fields, is_json=is_json)


def _say(line: str, fields: Mapping[str, Any], *, is_json: bool) -> None:
    if is_json:
        emit(fields)
        return
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
