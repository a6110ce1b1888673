"""A flame graph as SVG, without scripts: width is the share of samples, the outermost frame below.

It stands in a page or for itself.  The `title` of each box has its whole name and its share.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import Final

from nexus.coverage.profile import Stacks
from nexus.coverage.text import percent

WIDTH: Final = 1200
_ROW: Final = 18
_CHARACTER: Final = 7  # Pixels of a character of the font, at most.
_NARROWEST: Final = 0.5  # Pixels: what is narrower cannot be seen.
_PALETTE: Final = ("#e8684a", "#f6bd60", "#84a98c", "#5b8ff9", "#9d8cc9", "#d98aa6", "#6fb6b6")


@dataclass(slots=True)
class _Box:
    name: str
    count: int = 0
    above: dict[str, _Box] = field(default_factory=dict)


def render(stacks: Stacks, title: str = "instructions") -> str:
    """Draw it; without samples there is an empty text."""
    root = _Box(f"all {title}")
    for stack, count in sorted(stacks.items()):
        box = root
        box.count += count
        for frame in stack:
            box = box.above.setdefault(frame, _Box(frame))
            box.count += count
    if not root.count:
        return ""
    height = (_depth(root) + 1) * _ROW
    drawn: list[str] = []
    _draw(drawn, root, root.count, 0.0, height - _ROW)
    rows = "".join(drawn)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="Flame graph" font-family="ui-monospace,monospace" font-size="11">\n'
        f"{rows}</svg>\n"
    )


def _depth(box: _Box) -> int:
    return 1 + max((_depth(above) for above in box.above.values()), default=0)


def _draw(drawn: list[str], box: _Box, total: int, x: float, y: int) -> None:
    width = WIDTH * box.count / total
    if width < _NARROWEST:
        return
    name = escape(box.name)
    share = percent(box.count, total)
    color = _PALETTE[sum(box.name.encode()) % len(_PALETTE)]
    drawn.append(
        f"<g><title>{name}: {box.count} samples, {share} %</title>"
        f'<rect x="{x:.1f}" y="{y}" width="{max(width - 0.5, 0.5):.1f}" height="{_ROW - 1}" '
        f'fill="{color}"/>'
    )
    characters = int(width - 6) // _CHARACTER
    if characters >= 2:
        shown = box.name if len(box.name) <= characters else box.name[: characters - 1] + "…"
        drawn.append(f'<text x="{x + 3:.1f}" y="{y + 13}" fill="#111">{escape(shown)}</text>')
    drawn.append("</g>\n")
    for _, above in sorted(box.above.items()):
        _draw(drawn, above, total, x, y - _ROW)
        x += WIDTH * above.count / total
