"""A node whose values were held to every rule; only what is made here has that type.

`load` hands it out and `compile` takes nothing else, so no rule runs twice and none is forgotten.
"""

from __future__ import annotations

from typing import NewType

from nexus.config.error import ConfigError
from nexus.config.node import NodeConfig
from nexus.config.rules import find_problems

CheckedNode = NewType("CheckedNode", NodeConfig)


def check_node(node: NodeConfig) -> CheckedNode:
    """Hold a node to the rules between its values.

    Raises:
        ConfigError: with one line for every rule that does not hold; its source is the node's id.
    """
    problems = find_problems(node)
    if problems:
        raise ConfigError(node.node.id, problems)
    return CheckedNode(node)
