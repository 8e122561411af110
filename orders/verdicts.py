"""What an answer of the developer's server means. Used by deliveries and by the test push."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final

import msgspec
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from orders.models import DeliveryAttempt, Verdict
from sasvpay.kit.outbound import Answer

HTTP_OK: Final = 200
# Only these say "later", with Retry-After; nobody is asked to wait for longer than the plan's day.
BUSY: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
LONGEST_WAIT: Final = timedelta(days=1)
# A value of the answer is quoted up to so many characters.
QUOTED: Final = 80
DETAIL_LENGTH: Final = DeliveryAttempt._meta.get_field("detail").max_length or 0

_SENTENCES: Final[Mapping[Verdict, Promise]] = {
    Verdict.DELIVERED: _("The developer's server confirmed the order."),
    Verdict.TIMEOUT: _("There was no complete answer within the time allowed."),
    Verdict.DNS: _("The host name of the URL was not found."),
    Verdict.REFUSED_ADDRESS: _("The address or port of the URL may not be called."),
    Verdict.CONNECT: _("No connection to the developer's server could be made."),
    Verdict.TLS: _("No secure connection could be made: look at the server's certificate."),
    Verdict.PROTOCOL: _("The answer was broken off or was not HTTP."),
    Verdict.HTTP_STATUS: _("The HTTP status must be 200. Redirects are not followed."),
    Verdict.TOO_LARGE: _("The answer must not be larger than 64 KB."),
    Verdict.NOT_JSON: _("The answer must be a JSON object."),
    Verdict.RETURN_CODE: _('“returnCode” in the answer must be "0".'),
    Verdict.NOT_OK: _('“data” in the answer must be "OK".'),
    Verdict.INTERRUPTED: _("The console was stopped before it could note the answer."),
}  # fmt: skip


def explain(verdict: str) -> str:
    """Return a sentence for people."""
    return str(_SENTENCES[Verdict(verdict)])


def tell(verdict: str, detail: str) -> str:
    """Return the sentence, and what exactly was found."""
    return f"{explain(verdict)} ({detail})" if detail else explain(verdict)


def judge(answer: Answer) -> tuple[Verdict, str]:
    """Return the verdict and what exactly was found. Everything but DELIVERED is a retry."""
    verdict, detail = _judge(answer)
    return verdict, storable(detail)[:DETAIL_LENGTH]


def retry_after(answer: Answer, *, at: datetime) -> timedelta:
    """Return for how long a busy server asks to be left alone; nothing if it does not say."""
    asked = answer.retry_after.strip()
    if answer.status not in BUSY or not asked:
        return timedelta(0)
    if asked.isascii() and asked.isdecimal():
        return min(timedelta(seconds=int(asked[:9])), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(asked)
    except (ValueError, OverflowError):
        return timedelta(0)
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(until - at, timedelta(0)), LONGEST_WAIT)


def _judge(answer: Answer) -> tuple[Verdict, str]:
    if answer.failure is not None:
        return Verdict(answer.failure.value), answer.detail
    if answer.status != HTTP_OK:
        return Verdict.HTTP_STATUS, f"HTTP {answer.status}"
    if answer.truncated:
        return Verdict.TOO_LARGE, ""
    try:
        content = msgspec.json.decode(answer.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
        return Verdict.NOT_JSON, str(problem)
    if not isinstance(content, dict):
        return Verdict.NOT_JSON, f"found {_quote(content)}"
    return _judge_content(content)


def _judge_content(content: Mapping[str, Any]) -> tuple[Verdict, str]:
    code, ok = content.get("returnCode"), content.get("data")
    # False equals 0 in Python, but is not the number 0 of the protocol.
    is_zero = code == "0" or (isinstance(code, int | float) and code == 0 and code is not False)
    if not is_zero:
        return Verdict.RETURN_CODE, _found("returnCode", content)
    if not (isinstance(ok, str) and ok.upper() == "OK"):
        return Verdict.NOT_OK, _found("data", content)
    return Verdict.DELIVERED, ""


def _found(name: str, content: Mapping[str, Any]) -> str:
    if name not in content:
        return f"{name} is missing"
    return f"{name} is {_quote(content[name])}"


def _quote(value: object) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= QUOTED else f"{text[:QUOTED]}…"


def storable(text: str) -> str:
    """Replace what PostgreSQL does not store: NUL and lone surrogates."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
