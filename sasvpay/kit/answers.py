"""How pages end: a change leads the browser on, a fault says that it was ours."""

import sys

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.defaults import server_error
from django_htmx.http import HttpResponseClientRedirect

from sasvpay.kit.errors import DATABASE_AWAY


def go_to(request: HttpRequest, url: str) -> HttpResponse:
    """Send the browser to another page, whether htmx or a plain form asked."""
    if request.headers.get("HX-Request"):
        return HttpResponseClientRedirect(url)
    return HttpResponseRedirect(url)


def fault(request: HttpRequest) -> HttpResponse:
    """Answer 500; while the database is away 503, which says to come again."""
    response = server_error(request)
    # Django calls this while it handles what was raised, and hands over nothing but the request.
    if isinstance(sys.exc_info()[1], DATABASE_AWAY):
        response.status_code = 503
        response["Retry-After"] = "10"
    return response
