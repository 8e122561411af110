"""`allowed`: a button asks the route that it opens."""

from typing import Any

from django import template

from permissions.access import can
from permissions.matrix import DEFAULTS, Role
from permissions.models import MiniGame, Team
from permissions.routes import demand_of

register = template.Library()


@register.simple_tag(takes_context=True)
def allowed(context: template.Context, route: str, on: MiniGame | Team | None = None) -> bool:
    """Say whether the person may use a route there: `{% allowed "orders:x" game as shown %}`."""
    access = demand_of(route)
    user: Any = context["request"].user
    if access.capability is None:
        return access.is_public or bool(user.is_authenticated)
    return can(user, access.capability, on)


@register.filter
def roles_that_may(capability: str) -> list[str]:
    """Return the names of the roles that have a capability by the matrix; none if there is no such."""
    return [str(role.label) for role in Role if capability in DEFAULTS[role]]
