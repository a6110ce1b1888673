"""The files that a run leaves, named as those of os2vm: `nexus world` reads both."""

from __future__ import annotations

from nexus.campaign import narrate
from nexus.campaign.prepare import Prepared
from nexus.campaign.run import Ran
from nexus.harness.pcapng import Capture
from nexus.harness.report import event, keys
from nexus.harness.report.capture import Frame
from nexus.harness.report.story import Listener


def files_of(prepared: Prepared, ran: Ran) -> dict[str, bytes]:
    """Consoles, capture, keys, timeline, trace and what was found, by file name."""
    seen = ran.observation
    plan = prepared.plan_of(ran.recipe, seen.steps)
    capture = Capture({machine.label: machine.mac for machine in plan.machines})
    listener = Listener(seen.secrets)
    last = 0
    for frame in seen.frames:
        if frame.number != last:
            last = frame.number
            capture.add(frame.source, frame.sent_ns, frame.data)
            for _ in listener.take(Frame(last, frame.source, frame.sent_ns, frame.data)):
                pass  # It is read for the keys alone.
    files = {f"uart-{label}.log": content for label, content in ran.consoles.items()}
    files["capture.pcapng"] = capture.content()
    files["session-keys.log"] = keys.render(listener.keys).encode()
    files["timeline.jsonl"] = event.render(narrate.events_of(ran)).encode()
    files["trace.txt"] = ran.trace.encode()
    files["story.txt"] = "".join(f"{line}\n" for line in narrate.tell(ran)).encode()
    for (label, slot), content in seen.disks.items():
        files[f"disk-{label}-{slot}.img"] = content
    return files
