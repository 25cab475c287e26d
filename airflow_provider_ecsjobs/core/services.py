"""The services whose jobs have the same path and shape."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

HOST_OF_SERVICE: Mapping[str, str] = MappingProxyType(
    {"ecs": "ecs", "bms": "bms", "eip": "vpc", "evs": "evs", "ims": "ims", "sdrs": "sdrs"}
)
"""The services, and the first part of their hosts."""
