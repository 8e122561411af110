"""Paid orders and their delivery."""

from django.apps import AppConfig
from django.core.checks import Tags, register

from orders import checks


class OrdersConfig(AppConfig):
    """Paid orders and their delivery."""

    name = "orders"

    def ready(self) -> None:
        """Have a deployment's settings checked."""
        register(checks.check_addresses, Tags.security, deploy=True)
