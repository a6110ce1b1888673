"""For pytest without Pants: makes what Pants generates from the schemas."""

from __future__ import annotations

from nexus.schema.develop import refresh

refresh()
