"""Refusals become messages; every request has an id, ours; machines take the short way."""

import uuid
from collections.abc import Callable

import structlog
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import Resolver404, resolve
from django.utils.http import url_has_allowed_host_and_scheme
from structlog.contextvars import bound_contextvars

from sasvpay.kit import ratelimit
from sasvpay.kit.errors import DomainError

log = structlog.get_logger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponse]


class RequestIdMiddleware:
    """Give each request an id: in `X-Request-Id`, in the logs, in the audit trail, in answers."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Replace what the client may have sent under that name: the id is ours."""
        request_id = str(uuid.uuid4())
        request.META["HTTP_X_REQUEST_ID"] = request_id
        response = self.get_response(request)
        response["X-Request-Id"] = request_id
        return response


class MachineMiddleware:
    """Answer at once what only machines call (settings.MACHINE_PATHS).

    What follows in the list is for people: session, language, pages. It costs more than taking a
    callback does. Such a view answers every exception itself; its log lines are those of any other.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Call the view of a machine; pass every other request on."""
        if not request.path_info.startswith(settings.MACHINE_PATHS):
            return self.get_response(request)
        try:
            request.resolver_match = match = resolve(request.path_info)
        except Resolver404:
            return self.get_response(request)
        request_id, ip = request.META["HTTP_X_REQUEST_ID"], ratelimit.client_address(request)
        with bound_contextvars(request_id=request_id, ip=ip):
            response: HttpResponse = match.func(request, *match.args, **match.kwargs).render()
            response["Content-Length"] = str(len(response.content))
            told = f"{request.method} {request.get_full_path()}"
            log.info("request_finished", code=response.status_code, request=told)
        return response


class RefusalMiddleware:
    """Turn a DomainError of a page into a flash message and a redirect back."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, refusal: Exception) -> HttpResponse | None:
        """Answer a refusal; leave every other exception to be the bug that it is."""
        if not isinstance(refusal, DomainError):
            return None
        messages.error(request, refusal.message)
        back = request.headers.get("Referer", "")
        if not url_has_allowed_host_and_scheme(back, {request.get_host()}):
            back = "/"
        if request.headers.get("HX-Request"):
            return HttpResponse(status=204, headers={"HX-Redirect": back})
        return HttpResponseRedirect(back)
