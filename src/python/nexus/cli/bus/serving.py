"""The common part of commands that serve: when they stop, and how they show decisions."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from nexus.cli.bus.program import emit
from nexus.dsoftbus.audit import Record
from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.record import record_fields


@dataclass(frozen=True, slots=True)
class Printer:
    """Prints as it goes: a line for people, or a JSON object."""

    is_json: bool = False

    def say(self, line: str, fields: Mapping[str, object]) -> None:
        """Print one or the other, at once."""
        if self.is_json:
            emit(fields)
            return
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    def record(self, record: Record) -> None:
        """Print a decision of the gateway."""
        self.say(record.message, record_fields(record))


async def serve_until_stopped(
    node: Node, printer: Printer, note: str = "", fields: Mapping[str, object] | None = None
) -> None:
    """Be a node until SIGINT or SIGTERM; say where it listens, and what else there is to say."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            continue  # Ignored from the start, as a shell does it for jobs in the background.
        loop.add_signal_handler(number, stopped.set)
    async with node:
        name, where = node.settings.device_id, f"{node.settings.address}:{node.port}"
        listening = {"event": "listening", "device_id": name, "address": where, **(fields or {})}
        printer.say(f"{name} listens on {where}{note}", listening)
        await stopped.wait()
