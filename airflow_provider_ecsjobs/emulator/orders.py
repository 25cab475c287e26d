"""The orders of yearly/monthly servers. An order is unpaid until it is paid or cancelled."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_ecsjobs.emulator.values import look_up

if TYPE_CHECKING:
    from collections.abc import Callable

_ALPHABET = string.ascii_uppercase + string.digits


@dataclass(slots=True)
class Order:
    """An order.

    :param job_id: the job that waits for its payment, if there is one.
    :param begin: starts the work; called when the order is paid.
    """

    job_id: str | None
    begin: Callable[[], object]
    status: str = "unpaid"


class Orders:
    """Orders by id. Not thread-safe; ``State`` locks."""

    def __init__(self) -> None:
        self._orders: dict[str, Order] = {}

    def open(self, order: Order, now: float) -> str:
        """Add an order and return its id. Its work begins when it is paid."""
        day = datetime.fromtimestamp(now, UTC).strftime("%y%m%d%H%M")
        order_id = f"CS{day}{''.join(secrets.choice(_ALPHABET) for _ in range(5))}"
        self._orders[order_id] = order
        return order_id

    def pay(self, order_id: str) -> None:
        """Pay an order. Its work begins.

        :raises KeyError: if there is no such order.
        :raises ValueError: if it is paid or cancelled already.
        """
        self._conclude(order_id, "paid").begin()

    def cancel(self, order_id: str) -> Order:
        """Cancel an order.

        :raises KeyError: if there is no such order.
        :raises ValueError: if it is paid or cancelled already.
        """
        return self._conclude(order_id, "cancelled")

    def listed(self) -> dict[str, dict[str, Any]]:
        """Return the orders, by id."""
        return {key: {"status": order.status, "job_id": order.job_id} for key, order in self._orders.items()}

    def _conclude(self, order_id: str, status: str) -> Order:
        order = look_up("order", order_id, self._orders)
        if order.status != "unpaid":
            raise ValueError(f"order {order_id} is {order.status} already")
        order.status = status
        return order
