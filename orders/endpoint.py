"""POST /callback/{app_id}: checks in their order, receivers by name, an answer of four strings.

An authentic callback is never refused for a business reason: the player has paid. Only what is
refused before its signature is proven counts towards the limit of its address.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from http import HTTPStatus
from typing import Any, Final, Protocol

import structlog
from django.conf import settings
from django.utils import timezone
from django.utils.module_loading import import_string
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from orders import callback_docs, envelope, refusals
from orders.envelope import Envelope, EnvelopeError
from orders.intake import Authentic, Outcome
from permissions import callback_keys
from sasvpay.kit import ratelimit
from sasvpay.kit.errors import DATABASE_AWAY

log = structlog.get_logger(__name__)

MAX_BODY_BYTES: Final = 64 * 1024
REFUSALS_A_MINUTE: Final = 600


class Receiver(Protocol):
    """Parses and stores what one event tells of; the first name in settings.CALLBACK_HANDLERS.

    Further names are functions `(parsed, *, at)` that are called after it with what is stored and
    was awaited. A repeated callback calls them again, so each does its work once however often it
    runs.
    """

    conflict: str

    def parse(self, callback: Authentic) -> Any:
        """Return the payload's content; raise EnvelopeError if it is not as agreed."""
        ...

    def store(self, parsed: Sequence[Any], *, at: datetime) -> list[Outcome]:
        """Store a list and say what became of each, in the order given."""
        ...


class AlwaysJson(BaseContentNegotiation):
    """Answer JSON, whatever the client would accept."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """Choose none: the body is read as it was signed."""
        return None

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> Any:
        """Choose the only one."""
        return renderers[0], renderers[0].media_type


class Callback(APIView):
    """Takes what the superapp's payment backend tells: a player has paid, or gets money back."""

    http_method_names = ["post"]
    authentication_classes = ()
    permission_classes = ()
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = AlwaysJson
    # Of this request, whose view this is: it is no longer somebody's junk.
    is_proven = False

    @extend_schema(**callback_docs.SCHEMA)
    def post(self, request: Request, app_id: str) -> Response:
        """Store a paid order or a refund, once."""
        told = _told(request)
        callback = _proven(told, app_id, _request_id(request))
        self.is_proven = True
        outcome = _receive(callback, at=timezone.now())
        if outcome is Outcome.CONFLICT:
            receiver, _followers = _receivers()[callback.event]
            raise EnvelopeError("40901", 409, receiver.conflict)
        if outcome is Outcome.FAILED:
            raise EnvelopeError("50001", 500, OUR_FAULT)
        return _answer(request, 200, "0", "Success", content="OK")

    def get_exception_handler(self) -> Callable[[Exception, Any], Response]:
        """Answer every exception with the envelope."""
        return _refuse


OUR_FAULT: Final = "Our fault: send it again."


@cache
def _receivers() -> dict[str, tuple[Receiver, list[Callable[..., None]]]]:
    return {
        event: (import_string(names[0])(), [import_string(name) for name in names[1:]])
        for event, names in settings.CALLBACK_HANDLERS.items()
    }


def _told(request: Request) -> Envelope:
    """Return what is said, none of it proven: type, size, JSON, outer types, in this order."""
    media_type = request.META.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if media_type and media_type != "application/json" and not media_type.endswith("+json"):
        raise EnvelopeError("41501", 415, "Content-Type: must be application/json.")
    length = request.META.get("CONTENT_LENGTH", "")
    if not length.isdecimal():
        # The server gives a chunked body's length to nobody, and its content to nobody either.
        raise EnvelopeError("41101", 411, "Content-Length: is missing.")
    if int(length) > MAX_BODY_BYTES:
        raise EnvelopeError("41301", 413, "The body is above 64 KB.")
    told = envelope.parse_envelope(request.body)
    if told.event not in _receivers():
        raise EnvelopeError("40002", 400, "Event: is none of the allowed values.")
    return told


def _proven(told: Envelope, app_id: str, request_id: str) -> Authentic:
    keys = callback_keys.find(app_id)
    if keys and not _opens(keys, told):
        # Perhaps a key was issued since they were read.
        keys = callback_keys.find(app_id, again=True)
    if keys is None:
        raise EnvelopeError("40401", 404, "Unknown mini game, or one without a callback key.")
    if not _opens(keys, told):
        raise EnvelopeError("40101", 401, "PayEventSig: does not match.")
    return Authentic(
        game_id=keys.game_id,
        event=told.event,
        pay_model=told.pay_model,
        payload=told.payload,
        request_id=request_id,
    )


def _opens(keys: callback_keys.GameKeys, told: Envelope) -> bool:
    return any(envelope.verify(secret, told) for secret in keys.valid(timezone.now()))


def _receive(callback: Authentic, *, at: datetime) -> Outcome:
    receiver, followers = _receivers()[callback.event]
    parsed = receiver.parse(callback)
    (outcome,) = receiver.store([parsed], at=at)
    if outcome is Outcome.AWAITED:
        for follow in followers:
            follow([parsed], at=at)
    return outcome


def _refuse(problem: Exception, context: Any) -> Response:
    request = context["request"]
    refusal = _refusal(problem)
    wait = None
    is_our_fault = refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if not is_our_fault and not context["view"].is_proven:
        address = ratelimit.client_address(request)
        wait = ratelimit.count("callback", address, limit=REFUSALS_A_MINUTE)
    if wait is not None:
        refusal = EnvelopeError("42901", 429, "Too many refused callbacks from this address.")
    else:
        log.info("callback_refused", code=refusal.code, why=refusal.message)
    refusals.count(refusal.code, writes=not is_our_fault)
    answer = _answer(request, refusal.status, refusal.code, refusal.message)
    if wait is not None:
        answer["Retry-After"] = str(wait)
    return answer


def _refusal(problem: Exception) -> EnvelopeError:
    if isinstance(problem, EnvelopeError):
        return problem
    if isinstance(problem, MethodNotAllowed):
        return EnvelopeError("40501", 405, "Only POST is allowed.")
    if isinstance(problem, DATABASE_AWAY):
        log.warning("callback_database_away", problem=str(problem))
        return EnvelopeError("50301", 503, "Not stored: the database is away. Send it again.")
    log.error("callback_failed", exc_info=problem)
    return EnvelopeError("50001", 500, OUR_FAULT)


def _answer(
    request: Request, status: int, code: str, message: str, *, content: str = ""
) -> Response:
    return Response(
        {
            "returnCode": code,
            "returnMessage": message,
            "data": content,
            "requestId": _request_id(request),
        },
        status=status,
    )


def _request_id(request: Request) -> str:
    return str(request.META["HTTP_X_REQUEST_ID"])
