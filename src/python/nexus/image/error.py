"""The errors of images."""

from __future__ import annotations

from nexus.core.errors import NexusError


class ImageError(NexusError):
    """An input cannot become part of an image; the caller corrects the input."""
