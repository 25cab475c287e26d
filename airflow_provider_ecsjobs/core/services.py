"""The services whose jobs have the same path and form."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

HOST_OF_SERVICE: Mapping[str, str] = MappingProxyType(
    {"ecs": "ecs", "bms": "bms", "eip": "vpc", "evs": "evs", "ims": "ims", "sdrs": "sdrs"}
)
"""The services, each with the first part of its host name."""
