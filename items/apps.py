"""What can be bought."""

from django.apps import AppConfig


class ItemsConfig(AppConfig):
    """What can be bought."""

    name = "items"
