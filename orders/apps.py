"""Paid orders and their delivery."""

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    """Paid orders and their delivery."""

    name = "orders"
