"""Second factors: who needs one, and what opens only with one (REQUIRE_MFA).

People of the house need one for every page, members of teams for what changes URLs and keys. The
pages of one's own account stay open, so that one can be set up.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final
from urllib.parse import urlencode

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse

from permissions.matrix import Capability
from permissions.models import User
from permissions.sign_in import go, page_of

NEEDED_FOR: Final = frozenset(
    {
        Capability.DELIVERY_CONFIG_CHANGE,
        Capability.DELIVERY_CONFIG_REQUEST_KEY,
        Capability.CALLBACK_KEY_ROTATE,
        *(capability for capability in Capability if capability.endswith(".decide")),
    }
)
# Recovery codes replace a factor that was lost; they are none of their own.
_FACTORS: Final = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def has_one(user: User) -> bool:
    """Say whether a person has an authenticator app or a passkey."""
    return bool(Authenticator.objects.filter(user=user, type__in=_FACTORS).exists())


def is_missing(user: Any, capability: Capability | None = None) -> bool:
    """Say whether a person must set one up before this; None: before any page."""
    if not settings.REQUIRE_MFA or not isinstance(user, User):
        return False
    is_demanded = bool(user.house_role) or capability in NEEDED_FOR
    return is_demanded and not has_one(user)


def ask(request: HttpRequest) -> HttpResponse:
    """Lead to the page that says how to set one up, and from there back."""
    url = reverse("second_factor_required")
    return go(request, f"{url}?{urlencode({'next': page_of(request)})}")


def comes_first(
    view: Callable[..., HttpResponseBase],
) -> Callable[..., HttpResponseBase]:
    """Have people of the house set one up before a page that demands no capability."""

    @wraps(view)
    def asking(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if is_missing(request.user):
            return ask(request)
        return view(request, *args, **kwargs)

    return asking
