"""The one target that a field names, or a complaint that says what would have been right."""

from __future__ import annotations

import os.path
from dataclasses import dataclass
from typing import Iterable, List, Tuple, Type

from pants.build_graph.address import AddressParseException, ResolveError
from pants.engine.addresses import Address, UnparsedAddressInputs
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.target import (
    AllTargets,
    InvalidFieldException,
    Target,
    Targets,
)

from nexus_os.targets.suggestion import nearest, offer


@dataclass(frozen=True)
class TargetReference:
    """The text of a field, and the types of target that it may mean; without any, all are."""

    owner: Address
    field: str
    text: str
    accepted: Tuple[Type[Target], ...] = ()
    key: str = ""  # The key of the field's entry, where it holds several.

    def complain(self, reason: str, known: Iterable[Address]) -> InvalidFieldException:
        """The error that names the field, what is wrong, and what is accepted."""
        entry = f" for {self.key!r}" if self.key else ""
        accepted = ", ".join(f"`{kind.alias}`" for kind in self.accepted) or "any target"
        return InvalidFieldException(
            f"The `{self.field}` field of {self.owner} gives {self.text!r}{entry}, {reason}."
            f"{offer(nearest_addresses(self.text, self.owner, known))} Expected the address of "
            f"{accepted}."
        )


@dataclass(frozen=True)
class FieldTarget:
    target: Target


@rule
async def find_field_target(reference: TargetReference) -> FieldTarget:
    try:
        targets = await Get(
            Targets,
            UnparsedAddressInputs(
                (reference.text,),
                owning_address=reference.owner,
                description_of_origin=f"the `{reference.field}` field of {reference.owner}",
            ),
        )
    except ResolveError:
        reason = "which no target has as its address"
    except AddressParseException:
        reason = "which is not an address"
    else:
        if len(targets) == 1 and isinstance(targets[0], reference.accepted or Target):
            return FieldTarget(targets[0])
        reason = (
            f"which is a `{targets[0].alias}`"
            if len(targets) == 1
            else f"which stands for {len(targets)} targets"
        )
    everything = await Get(AllTargets)
    fitting = [t.address for t in everything if isinstance(t, reference.accepted or Target)]
    raise reference.complain(reason, fitting)


def nearest_addresses(text: str, owner: Address, known: Iterable[Address]) -> List[str]:
    """The addresses that are most like `text`, written as a BUILD file would."""
    written = {_in_full(_spec(address, owner), owner): _spec(address, owner) for address in known}
    # Folders give two addresses much in common, so they must be more alike than words.
    return [written[full] for full in nearest(_in_full(text, owner), written, likeness=0.8)]


def _spec(address: Address, owner: Address) -> str:
    if address.is_generated_target or address.is_parametrized:
        return address.spec
    if address.spec_path == owner.spec_path:
        return f":{address.target_name}"
    own_name = address.target_name == os.path.basename(address.spec_path)
    return f"//{address.spec_path}" + ("" if own_name else f":{address.target_name}")


def _in_full(text: str, owner: Address) -> str:
    folder, _, name = text.partition(":")
    folder = folder.lstrip("/") or ("" if text.startswith("//") else owner.spec_path)
    return f"//{folder}:{name or os.path.basename(folder)}"


def rules():
    return collect_rules()
