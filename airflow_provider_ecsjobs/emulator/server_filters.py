"""The filters of the lists of servers, by their parameters. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_ecsjobs.emulator.list_query import Filter

    Server = Mapping[str, Any]


def server_filters() -> dict[str, Filter]:
    """Return all filters. Each list has some of them."""
    return {
        "flavor": _is("flavorRef"),
        "in_recycle_bin": lambda server, asked: str(server["in_recycle_bin"]).lower() == asked.lower(),
        "ip": lambda server, asked: any(asked in address for address in _addresses(server)),
        "ip_eq": lambda server, asked: asked in _addresses(server),
        "name": lambda server, asked: asked in server["name"],
        "not-tags": lambda server, asked: not (_tags(asked) and _has_tags(server, asked)),
        "status": _is("status"),
        "tags": _has_tags,
    }


def _is(key: str) -> Filter:
    return lambda server, asked: server.get(key) == asked


def _addresses(server: Server) -> list[str]:
    return [nic["ip_address"] for nic in server["nics"]]


def _has_tags(server: Server, asked: str) -> bool:
    """Return whether a server has all tags. A tag is asked for by its key, or by ``key=value``."""
    keys = {tag.partition("=")[0] for tag in server["tags"]}
    return all(tag in server["tags"] or tag in keys for tag in _tags(asked))


def _tags(asked: str) -> list[str]:
    return [tag for tag in asked.split(",") if tag]
