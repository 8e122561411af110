"""What a deployment must not say about delivery."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Warning  # noqa: A004 -- its name is Django's


def check_addresses(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse a deployment that would deliver to addresses inside."""
    if not settings.DELIVERY_ALLOW_PRIVATE:
        return []
    return [
        Warning(
            "DELIVERY_ALLOW_PRIVATE lets partners send requests to addresses that are not public.",
            hint="Leave it out: it is for development.",
            id="orders.W001",
        )
    ]
