"""The most of each thing that a node or a world may have.  The guest's numbers agree with these."""

from __future__ import annotations

from typing import Final

from nexus.config import defaults
from nexus.contract import announce, bus, node

# The room of the guest's dsoftbusd.
PEERS_MAX: Final = bus.PEERS_MAX
ALLOW_MAX: Final = bus.RULES_MAX
ANNOUNCE_MAX: Final = announce.SERVICES_MAX
# The room of the guest's policyd, and the part that a file may add to the default grants.
GRANTS_MAX: Final = node.GRANTS_MAX
GRANTS_OWN_MAX: Final = GRANTS_MAX - len(defaults.GRANTS)
# The room of the guest's init, and the part that a file may add to the default routes.
ROUTES_MAX: Final = node.ROUTES_MAX
ROUTES_OWN_MAX: Final = ROUTES_MAX - sum(len(servers) for servers in defaults.ROUTES.values())
START_MAX: Final = node.SERVICES_MAX

# The room of the guest's statefsd beside open transactions.
STATE_KEYS_MAX: Final = node.STATE_KEYS_MAX
STATE_KIB_MAX: Final = 512

# The machines that one simulated switch joins; each costs the RAM that its guest touches.
MACHINES_MAX: Final = 32
EXPECT_MAX: Final = 256
FORBID_MAX: Final = 64
CUTS_MAX: Final = 64
REBOOTS_MAX: Final = 16

# Slots 2 to 7 of the board.
DRIVES_MAX: Final = 6
