"""The queries of lists: which parameters a list takes, and the page that it returns. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_ecsjobs.emulator.errors import ApiError

Item = Mapping[str, Any]
Filter = Callable[[Item, str], bool]
"""Returns whether an item matches the value of a parameter."""

# Longer numbers are no page. Python refuses to read those of thousands of digits.
_NUMBER = re.compile(r"[0-9]{1,9}")


class Found(NamedTuple):
    """A page of what a query finds.

    :param total: how many items match, on all pages.
    :param next_marker: the marker of the next page; None on the last one.
    """

    items: Sequence[Any]
    total: int
    next_marker: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """What a list can be asked for.

    :param filters: the parameters that filter.
    :param default: the size of a page if the query has no ``limit``.
    :param most: the largest ``limit``.
    :param invalid: returns the error for a page that there is not, from the reason.
    :param pages: the parameters that choose the page.
    :param others: the parameters that the handler of the route reads itself.
    :param implied: the filters that apply unless the query sets them.
    """

    filters: tuple[str, ...]
    default: int
    most: int
    invalid: Callable[[str], ApiError]
    pages: tuple[str, ...] = ("limit", "marker")
    others: tuple[str, ...] = ()
    implied: Mapping[str, str] = field(default_factory=dict)

    def parameters(self) -> tuple[str, ...]:
        """Return all parameters of the list. The emulator knows no others."""
        return (*self.pages, *self.filters, *self.others)

    def find(self, asked: Mapping[str, str], items: Iterable[Item], filters: Mapping[str, Filter]) -> Found:
        """Return the page of the items that match a query.

        :raises ApiError: if there is no such page.
        """
        wanted = {**self.implied, **{name: asked[name] for name in self.filters if name in asked}}
        checks = [(filters[name], value) for name, value in wanted.items()]
        return self.page(asked, [item for item in items if all(matches(item, value) for matches, value in checks)])

    def page(self, asked: Mapping[str, str], items: Sequence[Item]) -> Found:
        """Return at most ``limit`` items: those after the item ``marker``, or page number ``offset``.

        :raises ApiError: if there is no such page.
        """
        limit = self._number(asked, "limit", self.default)
        if not 1 <= limit <= self.most:
            raise self.invalid(f"limit must be between 1 and {self.most}")
        first = self._first(asked, items, limit)
        chosen = items[first : first + limit]
        is_last = first + limit >= len(items)
        return Found(chosen, len(items), None if is_last else chosen[-1]["id"])

    def _first(self, asked: Mapping[str, str], items: Iterable[Item], limit: int) -> int:
        marker = asked.get("marker")
        if marker is None:
            # Page 0 is page 1.
            return max(self._number(asked, "offset", 1) - 1, 0) * limit
        for number, item in enumerate(items, start=1):
            if item["id"] == marker:
                return number
        raise self.invalid("marker must be an id of the list")

    def _number(self, asked: Mapping[str, str], name: str, default: int) -> int:
        given = asked.get(name)
        if given is None:
            return default
        if not _NUMBER.fullmatch(given):
            raise self.invalid(f"{name} must be a number of at most 9 digits")
        return int(given)
