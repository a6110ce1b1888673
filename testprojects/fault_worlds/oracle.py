"""All that the pipeline knows of what must never be: of state, audit, wire, markers and clients."""

from nexus.campaign.oracle_all import check

__all__ = ["check"]
