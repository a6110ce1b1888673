"""The model of a node's TOML file.

It knows the shape of each value; what holds between values is in `nexus.config.rules`.  The
defaults are in `nexus.config.defaults`.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from nexus.config import bounds, defaults
from nexus.config.addresses import Address, Interface, Mac, mac_bytes
from nexus.config.fields import (
    U16,
    Capability,
    DeviceId,
    Extends,
    FreeTables,
    Line,
    Many,
    Model,
    Port,
    ServiceName,
)
from nexus.config.keys import PublicKey, StaticKey, public_bytes
from nexus.config.limits import Choice, Count, Within
from nexus.config.partial import partial_of
from nexus.contract import node as contract


class Node(Model):
    """`[node]`: the machine itself."""

    id: DeviceId
    mac: Mac
    image: ServiceName = "system"
    ram_mib: Annotated[int, Within(16, 2048)] = 64
    start: Annotated[Many[ServiceName], Count(0, bounds.START_MAX)] = defaults.START

    @property
    def mac_bytes(self) -> bytes:
        """The MAC address as the wire has it."""
        return mac_bytes(self.mac)


class Network(Model):
    """`[network]`: the one interface."""

    address: Interface
    gateway: Address | None = None

    @property
    def interface(self) -> IPv4Interface:
        """Address and network together."""
        return IPv4Interface(self.address)


class Rate(Model):
    """`dsoftbus.rate`: the token bucket of each peer."""

    burst: U16 = 32
    per_second: U16 = 16


class Peer(Model):
    """`[[dsoftbus.peer]]`: a node that may hold a session with this one."""

    id: DeviceId
    address: Address
    port: Port
    public_key: PublicKey
    dial: bool = False

    @property
    def ip(self) -> IPv4Address:
        """The address as a number."""
        return IPv4Address(self.address)

    @property
    def key(self) -> bytes:
        """The pinned key's 32 bytes."""
        return public_bytes(self.public_key)


_OPERATIONS = tuple(dict.fromkeys(name for _, names in defaults.GATEWAY.values() for name in names))

# Which of them a service has is a rule: see `nexus.config.rules`.
Operation = Annotated[str, Choice(_OPERATIONS)]


class Allow(Model):
    """`[[dsoftbus.allow]]`: what one peer may ask of one service."""

    peer: DeviceId
    service: Annotated[str, Choice(tuple(defaults.GATEWAY))]
    operations: Annotated[Many[Operation], Count(1, bounds.ALLOW_MAX)]


class DSoftBus(Model):
    """`[dsoftbus]`: discovery, session and gateway."""

    static_key: StaticKey
    port: Port = 34567
    announce: Annotated[Many[ServiceName], Count(0, bounds.ANNOUNCE_MAX)] = ("samgrd", "bundlemgrd")
    announce_interval_ms: Annotated[int, Within(10, 60_000)] = 250
    peer_ttl_ms: Annotated[int, Within(20, 600_000)] = 1500
    rate: Rate = Rate()
    # How it calls its peers, and whether it can be called by messages (docs/spec/rpc.md).
    rpc: Literal["frames", "schema", "auto"] = "frames"
    peer: Annotated[Many[Peer], Count(0, bounds.PEERS_MAX)] = ()
    allow: Annotated[Many[Allow], Count(0, bounds.ALLOW_MAX)] = ()


class Grant(Model):
    """`[[policy.grant]]`: a capability of a service."""

    service: ServiceName
    capability: Capability


class Policy(Model):
    """`[policy]`: grants on top of the default ones, or instead of them."""

    defaults: bool = True
    grant: Annotated[Many[Grant], Count(0, bounds.GRANTS_OWN_MAX)] = ()


class Selftest(Model):
    """`[selftest]`: which part the selftest client plays."""

    mode: Literal["single", "client", "server"] = "single"
    peer: DeviceId | None = None
    prove: Many[Literal["packages", "state"]] = ()
    streams: bool = False


class Bundles(Model):
    """`[bundlemgrd]`: the content of the system bundle."""

    build: Annotated[str, Field(max_length=1000)] = defaults.BUILD_PROP


class Packages(Model):
    """`[packages]`: the read-only drive with the node's packages."""

    image: ServiceName


class Drive(Model):
    """`[[boot.drive]]`: a disk of a guest of another make: a given image, or a blank one."""

    slot: Annotated[int, Within(2, 7)]
    image: ServiceName | None = None
    disk_kib: Annotated[int, Within(4, 65_536)] | None = None
    readonly: bool = False


class Boot(Model):
    """`[boot]`: the standard boot path, for a guest of another make such as Linux."""

    firmware: ServiceName | None = None
    kernel: ServiceName | None = None
    initrd: ServiceName | None = None
    append: Line | None = None
    cpu: Line | None = None
    harts: Annotated[int, Within(1, 8)] = 1
    drive: Annotated[Many[Drive], Count(0, bounds.DRIVES_MAX)] = ()


class State(Model):
    """`[state]`: the writable drive: a blank one, or a given image."""

    disk_kib: Annotated[int, Within(4, 65_536)] | None = None
    disk: ServiceName | None = None


class StateShares(Model):
    """`[statefsd]`: what of the store a peer may use, and what is left to the node's services."""

    peer_keys: Annotated[int, Within(1, bounds.STATE_KEYS_MAX)] = contract.SHARE_PEER_KEYS
    peer_kib: Annotated[int, Within(1, bounds.STATE_KIB_MAX)] = contract.SHARE_PEER_BYTES >> 10
    reserve_keys: Annotated[int, Within(0, bounds.STATE_KEYS_MAX)] = contract.SHARE_RESERVE_KEYS
    reserve_kib: Annotated[int, Within(0, bounds.STATE_KIB_MAX)] = (
        contract.SHARE_RESERVE_BYTES >> 10
    )


class Route(Model):
    """`[[route]]`: one service may reach another, on top of the default routes."""

    client: ServiceName = Field(alias="from")
    server: ServiceName = Field(alias="to")


class NodeConfig(Model):
    """A node's whole file."""

    extends: Extends = ()
    node: Node
    network: Network | None = None
    dsoftbus: DSoftBus | None = None
    policy: Policy = Policy()
    selftest: Selftest = Selftest()
    bundlemgrd: Bundles = Bundles()
    packages: Packages | None = None
    state: State | None = None
    boot: Boot = Boot()
    statefsd: StateShares = StateShares()
    route: Annotated[Many[Route], Count(0, bounds.ROUTES_OWN_MAX)] = ()
    service: FreeTables = Field(default_factory=dict)

    @property
    def boots(self) -> str:
        """The image that runs, behind firmware if there is any: a kernel, or a system."""
        return self.boot.kernel or self.node.image


if TYPE_CHECKING:
    NodeConfigPart = NodeConfig
else:
    # A part of one, to be laid over a whole one.
    NodeConfigPart = partial_of(NodeConfig, without=["extends"])
