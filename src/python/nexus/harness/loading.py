"""Makes a plan from the command line and the files it names.

Every mistake in them is one line that names the file, the field and the value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from nexus.config.checked import CheckedNode
from nexus.config.compile import compile_node
from nexus.config.keys import TestSeedKey
from nexus.config.load import load_any
from nexus.config.world import Cut as ConfiguredCut
from nexus.config.world import Link, Reboot, World
from nexus.contract import marker
from nexus.core.text import printable
from nexus.emulator.isa.cpu import RV64GC, CpuError, parse_cpu
from nexus.harness.arguments import Options
from nexus.harness.image_files import Images
from nexus.harness.phase import GUEST_PHASES, Phase
from nexus.harness.plan import (
    NS_PER_MS,
    Expectation,
    MachinePlan,
    NodeIdentity,
    Plan,
    PlanError,
    RebootPlan,
)
from nexus.scene.guest import (
    CPU_DEFAULT,
    EPOCH_S_DEFAULT,
    PACKAGES_SLOT,
    STATE_SLOT,
    BootPlan,
    DrivePlan,
)
from nexus.simulation.link import Cut, LinkOptions

_NS_PER_US: Final = 1_000

# The one machine of a world made from a node file.
_ONLY_LABEL: Final = "A"

# Where a marker given on the command line belongs: the last word of a guest ends the run.
_PHASE_OF_MARKER: Final = {marker.SELFTEST_END: Phase.END}


def load_plan(options: Options) -> Plan:
    """Read everything that was named.

    Raises:
        NexusError: a file, a value or an image is not as it must be.
    """
    path = options.world or options.node
    assert path is not None, "the command line asks for one of both"
    loaded = load_any(path, options.settings)
    if isinstance(loaded, World):
        if options.world is None:
            raise PlanError(f"--node: {path} is a world; give it with --world")
        return _from_world(loaded, options)
    if options.node is None:
        raise PlanError(f"--world: {path} is a node; give it with --node")
    return _from_node(loaded, path, options)


def _from_world(world: World, options: Options) -> Plan:
    images = Images(options.images)
    name = printable(Path(world.path).stem)
    machines = tuple(
        _machine(machine.label, machine.image, machine.node, images, machine.forbid, world.epoch_s)
        for machine in world.machines
    )
    if not options.allows_unused_images:
        images.check_all_used(name)
    expectations = tuple(
        Expectation(
            machine=entry.machine,
            phase=Phase(entry.phase),
            text=entry.marker if entry.marker is not None else entry.pattern or "",
            is_pattern=entry.pattern is not None,
            is_ordered=entry.ordered,
            is_exclusive=entry.exclusive,
        )
        for entry in world.expect
    )
    budgets = world.budget_ms.model_dump()
    return Plan(
        name=name,
        seed=world.seed if options.seed is None else options.seed,
        machines=machines,
        expectations=expectations,
        forbidden=(*world.forbid, *options.forbid),
        link=_link(world.link),
        paths=_paths(world.link),
        reboots=tuple(_reboot(reboot) for reboot in world.reboots),
        budget_ms={phase: budgets[phase.value] for phase in GUEST_PHASES},
        total_ms=world.budget_ms.total if options.budget_ms is None else options.budget_ms,
        instructions_max=world.instructions_max,
        until=options.until,
    )


def _from_node(node: CheckedNode, path: Path, options: Options) -> Plan:
    images = Images(options.images)
    machine = _machine(_ONLY_LABEL, node.boots, node, images, ())
    images.check_all_used(path.stem)
    expectations = tuple(
        Expectation(_ONLY_LABEL, _PHASE_OF_MARKER.get(marker, Phase.LAUNCH), marker)
        for marker in options.expect
    )
    return Plan(
        name=printable(path.stem),
        seed=1 if options.seed is None else options.seed,
        machines=(machine,),
        expectations=expectations,
        forbidden=options.forbid,
        total_ms=options.budget_ms,
        until=options.until,
    )


def _machine(
    label: str,
    image: str,
    node: CheckedNode,
    images: Images,
    forbid: tuple[str, ...],
    epoch_s: int = EPOCH_S_DEFAULT,
) -> MachinePlan:
    return MachinePlan(
        label=label,
        image_name=image,
        image=images.read(label, image, has_firmware=node.boot.firmware is not None),
        config=compile_node(node),
        mac=node.node.mac_bytes,
        ram_bytes=node.node.ram_mib << 20,
        forbidden=forbid,
        drives=tuple(_drives(label, node, images)),
        identity=_identity(node),
        boot=_boot(label, node, images, epoch_s),
    )


def _boot(label: str, node: CheckedNode, images: Images, epoch_s: int) -> BootPlan:
    boot = node.boot

    def content(field: str, name: str | None) -> bytes:
        return b"" if name is None else images.read_file(label, field, name)

    return BootPlan(
        firmware=content("firmware", boot.firmware),
        initrd=content("initrd", boot.initrd),
        append=boot.append or "",
        cpu=_cpu(label, boot.cpu, is_foreign=boot.kernel is not None),
        harts=boot.harts,
        epoch_s=epoch_s,
    )


def _cpu(label: str, name: str | None, *, is_foreign: bool) -> str:
    """The extensions of a machine; most toolchains build a foreign kernel for rv64gc."""
    if name is None:
        return str(RV64GC) if is_foreign else CPU_DEFAULT
    try:
        return str(parse_cpu(name))
    except CpuError as exc:
        raise PlanError(f"machine {label}: boot.cpu: {exc}") from exc


def _identity(node: CheckedNode) -> NodeIdentity | None:
    if node.dsoftbus is None:
        return None
    key = node.dsoftbus.static_key
    return NodeIdentity(node.node.id, key.secret(), isinstance(key, TestSeedKey))


def _drives(label: str, node: CheckedNode, images: Images) -> Iterator[DrivePlan]:
    state, packages = node.state, node.packages
    if state is not None:
        blank = bytes((state.disk_kib or 0) << 10)
        content = blank if state.disk is None else images.read_drive(label, "state", state.disk)
        yield DrivePlan(STATE_SLOT, content, is_read_only=False)
    if packages is not None:
        content = images.read_drive(label, "packages", packages.image)
        yield DrivePlan(PACKAGES_SLOT, content, is_read_only=True)
    for drive in node.boot.drive:
        content = bytes((drive.disk_kib or 0) << 10)
        if drive.image is not None:
            content = images.read_drive(label, "drive", drive.image)
        yield DrivePlan(drive.slot, content, is_read_only=drive.readonly)


def _reboot(reboot: Reboot) -> RebootPlan:
    after = None if reboot.after is None else (reboot.of or reboot.machine, reboot.after)
    at_ns = None if reboot.at_ms is None else reboot.at_ms * NS_PER_MS
    return RebootPlan(reboot.machine, reboot.off_ms * NS_PER_MS, at_ns, after)


def _link(link: Link) -> LinkOptions:
    return LinkOptions(
        delay_ns=link.delay_us * _NS_PER_US,
        jitter_ns=link.jitter_us * _NS_PER_US,
        loss=link.ratio("loss"),
        duplicate=link.ratio("duplicate"),
        corrupt=link.ratio("corrupt"),
        cuts=tuple(_cut(cut) for cut in link.cut if cut.between is None),
    )


def _paths(link: Link) -> dict[tuple[str, str], LinkOptions]:
    """The paths between two machines that are cut apart from all others, in both directions."""
    common = _link(link)
    cuts: dict[tuple[str, str], tuple[Cut, ...]] = {}
    for cut in link.cut:
        if cut.between is not None:
            one, other = cut.between
            for path in ((one, other), (other, one)):
                cuts[path] = (*cuts.get(path, ()), _cut(cut))
    return {path: replace(common, cuts=(*common.cuts, *own)) for path, own in cuts.items()}


def _cut(cut: ConfiguredCut) -> Cut:
    return Cut(cut.start_ms * NS_PER_MS, cut.end_ms * NS_PER_MS)
