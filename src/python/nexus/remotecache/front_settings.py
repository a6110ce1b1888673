"""The settings that the front is started with, besides BuildGrid's own file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, kw_only=True)
class Front:
    """Paths, and where measures are shown; without a database the front does not schedule."""

    register: str
    token_secret: str
    audit: str
    store_socket: str
    disk: str
    certificate: str
    metrics_address: str = ""
    metrics_port: int = 0
    database: str = ""
    search_path: str = ""
    network: Mapping[str, str] = field(default_factory=dict)

    def render(self) -> str:
        """As the text of a file."""
        return json.dumps(asdict(self), indent=2) + "\n"


def parse(text: str) -> Front:
    """Read the text of a file."""
    return Front(**json.loads(text))
