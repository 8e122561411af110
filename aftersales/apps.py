"""Refunds of paid orders."""

from django.apps import AppConfig


class AftersalesConfig(AppConfig):
    """Refunds of paid orders."""

    name = "aftersales"
