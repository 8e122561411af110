"""The kit as an installed app: it owns the tables that everybody writes."""

from django.apps import AppConfig


class KitConfig(AppConfig):
    """The floor."""

    name = "sasvpay.kit"
    label = "kit"
