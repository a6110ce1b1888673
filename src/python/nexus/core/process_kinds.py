"""The kinds of processes of the pipeline, by how Pants and the rules of the plugin describe them.

A log of a run has the description of each process and not its target's kind, so whatever counts
processes by what they are for begins here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ELSE: Final = "else"
_MACHINE: Final = "(the machine)"


@dataclass(frozen=True, slots=True)
class ProcessKind:
    """Processes whose descriptions begin alike."""

    beginning: str
    # Which kinds of target they are for; in parentheses, what is looked at without a target.
    targets: str
    # The name of their time, in a breakdown of few lines.
    group: str = ELSE
    # Whether the description ends with the address of the one target that it is for.
    names_target: bool = False


# The first whose beginning fits counts.
PROCESS_KINDS: Final = (
    ProcessKind("Run Pytest", "python_test", "Python tests", names_target=True),
    ProcessKind("Boot ", "guest_marker_test, two_vm_test", "boots of machines", names_target=True),
    ProcessKind("Play ", "fault_world_test, fault_campaign"),
    ProcessKind("Plan the batches", "fault_world_test, fault_campaign"),
    ProcessKind("Hunt ", "guest_mutants"),
    ProcessKind("Test binary ", _MACHINE),
    ProcessKind("Searching for ", _MACHINE),
    ProcessKind("Find interpreter", _MACHINE),
    ProcessKind("Try to hide ", _MACHINE),
    ProcessKind("Test ", "zig_test", "zig tests", names_target=True),
    ProcessKind("Translate ", "rv64_translation"),
    ProcessKind("Compile the native interpreter", "native_interpreter"),
    ProcessKind("Read the lines of ", "rv64_lines"),
    ProcessKind(
        "Build ", "images, libraries", "images, libraries, machine code", names_target=True
    ),
    ProcessKind("Generate ", "capnp_python"),
    ProcessKind("Validate ", "node_config, world_config"),
    ProcessKind("Building ", "pex_binary, requirements", "Python requirements"),
)


def kind_of(description: str) -> ProcessKind | None:
    """Return the kind of a process; None if its description begins like none of them."""
    fitting = (kind for kind in PROCESS_KINDS if description.startswith(kind.beginning))
    return next(fitting, None)
