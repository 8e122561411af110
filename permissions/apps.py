"""People, teams and what they may do."""

from django.apps import AppConfig
from django.core.checks import Tags, register


class PermissionsConfig(AppConfig):
    """Registers the system check."""

    name = "permissions"

    def ready(self) -> None:
        """Have every route checked before anything is served."""
        from permissions.checks import (  # noqa: PLC0415 -- models cannot be imported before the apps are ready
            check_routes,
        )

        register(check_routes, Tags.security)
