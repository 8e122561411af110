"""The same start as the orders' tests have."""

from tests.orders.conftest import _fresh_process, client, paying

__all__ = ["_fresh_process", "client", "paying"]
