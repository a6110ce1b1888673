"""Fills what a boot loader has to say to the kernel into a device tree: `/chosen`."""

from __future__ import annotations

from nexus.emulator.fdt import Node, cells, strings


def filled(root: Node, append: str, initrd: tuple[int, int] | None) -> Node:
    """Return the tree with the kernel's arguments and where the initial RAM disk is.

    Args:
        root: The tree, which stays as it is.
        append: The arguments; empty leaves what the tree has.
        initrd: Its first address and the first one behind it.
    """
    told: dict[str, bytes] = {}
    if append:
        told["bootargs"] = strings(append)
    if initrd is not None:
        told["linux,initrd-start"] = cells(initrd[0])
        told["linux,initrd-end"] = cells(initrd[1])
    if not told:
        return root
    children = list(root.children)
    at = next((i for i, node in enumerate(children) if node.name == "chosen"), None)
    if at is None:
        children.append(Node("chosen", told))
    else:
        chosen = children[at]
        children[at] = Node("chosen", {**chosen.properties, **told}, chosen.children)
    return Node(root.name, root.properties, children)
