"""How long a session lasts: half an hour without a click, twelve hours in all."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

BEGAN, SEEN = "began_at", "seen_at"
# So much a click may be forgotten: a session is not written with every request.
SLACK_SECONDS = 60


class SessionLimitMiddleware:
    """Sign out whoever was idle, or signed in, for too long."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Look at the clock, and note that somebody was there."""
        if SESSION_KEY in request.session:
            now = int(timezone.now().timestamp())
            began = request.session.setdefault(BEGAN, now)
            seen = request.session.get(SEEN, 0)
            if _is_over(began, seen or now, now):
                logout(request)
            elif now - seen >= SLACK_SECONDS:
                request.session[SEEN] = now
        return self.get_response(request)


def _is_over(began: int, seen: int, now: int) -> bool:
    is_idle = now - seen >= settings.SESSION_IDLE_SECONDS
    return is_idle or now - began >= settings.SESSION_COOKIE_AGE
