"""The filters of the lists of servers, by their parameters. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_ecsjobs.emulator import views

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_ecsjobs.emulator.list_query import Filter

    Server = Mapping[str, Any]


def server_filters(region: str) -> dict[str, Filter]:
    """Return all filters. Each list has some of them."""
    return {
        "availability_zone": lambda server, asked: asked in views.zone(server, region),
        "availability_zone_eq": lambda server, asked: asked == views.zone(server, region),
        # The values are not documented. These are the ones that market_info shows.
        "charging_mode": _is("charging_mode"),
        "flavor": _is("flavorRef"),
        "flavor_name": _is("flavorRef"),
        "id": _is("id"),
        "image_id": _is("imageRef"),
        "in_recycle_bin": lambda server, asked: str(server["in_recycle_bin"]).lower() == asked.lower(),
        "ip": lambda server, asked: any(asked in address for address in _addresses(server)),
        "ip_eq": lambda server, asked: asked in _addresses(server),
        "key_name": _is("key_name"),
        "metadata": _has_metadata,
        "metadata-key": lambda server, asked: asked in views.metadata(server),
        "name": lambda server, asked: asked in server["name"],
        "not-tags": lambda server, asked: not (_tags(asked) and _has_tags(server, asked)),
        "status": _is("status"),
        "tags": _has_tags,
    }


def _is(key: str) -> Filter:
    return lambda server, asked: server.get(key) == asked


def _addresses(server: Server) -> list[str]:
    return [nic["ip_address"] for nic in server["nics"]]


def _has_metadata(server: Server, asked: str) -> bool:
    key, _, value = asked.partition("=")
    return views.metadata(server).get(key) == value


def _has_tags(server: Server, asked: str) -> bool:
    """Return whether a server has all tags. A tag is asked for by its key, or by ``key=value``."""
    keys = {tag.partition("=")[0] for tag in server["tags"]}
    return all(tag in server["tags"] or tag in keys for tag in _tags(asked))


def _tags(asked: str) -> list[str]:
    return [tag for tag in asked.split(",") if tag]
