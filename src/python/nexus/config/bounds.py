"""How many of each thing a node or a world may have.  The guest's numbers are held to these."""

from __future__ import annotations

from typing import Final

from nexus.config import defaults
from nexus.contract import announce, bus, node

# What the guest's dsoftbusd holds.
PEERS_MAX: Final = bus.PEERS_MAX
ALLOW_MAX: Final = bus.RULES_MAX
ANNOUNCE_MAX: Final = announce.SERVICES_MAX
# What the guest's policyd holds, and what a file may add to the default ones.
GRANTS_MAX: Final = node.GRANTS_MAX
GRANTS_OWN_MAX: Final = GRANTS_MAX - len(defaults.GRANTS)
# What the guest's init holds, and what a file may add to the default ones.
ROUTES_MAX: Final = node.ROUTES_MAX
ROUTES_OWN_MAX: Final = ROUTES_MAX - sum(len(servers) for servers in defaults.ROUTES.values())
START_MAX: Final = node.SERVICES_MAX

# What the guest's statefsd holds beside open transactions.
STATE_KEYS_MAX: Final = node.STATE_KEYS_MAX
STATE_KIB_MAX: Final = 512

# What one simulated switch joins; a machine costs what its guest touches of its RAM.
MACHINES_MAX: Final = 32
EXPECT_MAX: Final = 256
FORBID_MAX: Final = 64
CUTS_MAX: Final = 64
REBOOTS_MAX: Final = 16

# Slots 2 to 7 of the board.
DRIVES_MAX: Final = 6
