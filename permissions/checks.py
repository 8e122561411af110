"""A view that declares no access stops the server."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error

from permissions.routes import all_routes


def check_routes(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report every route that declares neither requires, signed_in nor public."""
    return [
        Error(
            f"The route {route.pattern!r} ({route.name or 'no name'}) declares no access.",
            hint="Decorate it with permissions.access.requires, signed_in or public.",
            id="permissions.E001",
        )
        for route in all_routes()
        if route.access is None
    ]
