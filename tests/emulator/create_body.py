"""A create that the emulator accepts."""

from __future__ import annotations

CREATE = {
    "server": {
        "name": "web",
        "imageRef": "image",
        "flavorRef": "s6.small.1",
        "vpcid": "vpc",
        "nics": [{"subnet_id": "subnet"}],
        "root_volume": {"volumetype": "SSD"},
        "adminPass": "Never-recorded-1",
    }
}
