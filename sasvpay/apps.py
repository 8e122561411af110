"""The roof as an installed app, for the commands that look across apps."""

from django.apps import AppConfig


class RoofConfig(AppConfig):
    """The roof."""

    name = "sasvpay"
    label = "sasvpay"
