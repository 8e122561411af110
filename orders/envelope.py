"""The callback's envelope and payload: parse, sign, verify, build.

What is verified is what is stored: one strict parser for both levels, which refuses repeated keys.
Errors name the field's path, never its value.
"""

import json
import re
from typing import Annotated, Any, Final, Literal, NoReturn, TypeVar

import msgspec

from sasvpay.kit import crypto

PURCHASE_EVENT: Final = "minigame_game_pay_goods_deliver_notify"
REFUND_EVENT: Final = "minigame_game_pay_refund_notify"
MAX_DEPTH: Final = 32
MAX_NUMBER: Final = 10**9
# The end of the year 2099: whoever tells milliseconds is told so.
MAX_SECONDS: Final = 4_102_444_799

_PLAIN: Final = r"[^\x00\ud800-\udfff]"
_Label = Annotated[str, msgspec.Meta(pattern=rf"\A{_PLAIN}{{1,128}}\Z")]
_Text = Annotated[str, msgspec.Meta(pattern=rf"\A{_PLAIN}{{0,4096}}\Z")]
_Cents = Annotated[int, msgspec.Meta(ge=0, le=MAX_NUMBER)]
_OpenId = Annotated[str, msgspec.Meta(pattern=rf"\A(?=[\s\S]*\S){_PLAIN}{{1,128}}\Z")]
_Env = Literal["0", "1", 0, 1]
_OrderNumber = Annotated[str, msgspec.Meta(pattern=r"\A[0-9A-Za-z_\-|*@]{1,64}\Z")]


class EnvelopeError(Exception):
    """A callback that is refused: the answer's code and HTTP status, and a sentence."""

    def __init__(self, code: str, status: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message


class Envelope(msgspec.Struct, frozen=True, rename="pascal"):
    """What is sent: `Payload` is a JSON object as a string, and that string is what is signed."""

    event_type: Literal["event"]
    event: Annotated[str, msgspec.Meta(min_length=1)]
    pay_model: _Label
    payload: Annotated[str, msgspec.Meta(min_length=1)]
    pay_event_sig: Annotated[str, msgspec.Meta(min_length=1)]


class Goods(msgspec.Struct, frozen=True, rename="pascal"):
    """What was bought. The prices are totals of the order, in cents."""

    product_id: _Label
    quantity: Annotated[int, msgspec.Meta(ge=1, le=MAX_NUMBER)]
    zone_id: Annotated[str, msgspec.Meta(pattern=rf"\A{_PLAIN}{{0,128}}\Z")]
    orig_price: _Cents
    actual_price: _Cents
    attach: _Text
    order_source: Literal[1, 2, 3]


class PurchasePayload(msgspec.Struct, frozen=True, rename="pascal"):
    """A paid order. Fields that are not known are ignored."""

    open_id: _OpenId
    env: _Env
    out_trade_no: _OrderNumber
    goods_info: Goods


class RefundPayload(msgspec.Struct, frozen=True, rename="pascal"):
    """How far a refund is. Times are unix seconds. Fields that are not known are ignored."""

    open_id: _OpenId
    env: _Env
    out_trade_no: _OrderNumber
    refund_no: Annotated[str, msgspec.Meta(pattern=rf"\A(?=[\s\S]*\S){_PLAIN}{{1,64}}\Z")]
    refund_amount: Annotated[int, msgspec.Meta(ge=1, le=MAX_NUMBER)]
    refund_status: Literal["processing", "succeeded", "failed"]
    reason: _Text
    initiated_at: Annotated[int, msgspec.Meta(ge=1, le=MAX_SECONDS)]
    # Zero exactly while it is processing.
    finished_at: Annotated[int, msgspec.Meta(ge=0, le=MAX_SECONDS)]


# msgspec learns a struct when it first meets it, and two threads that meet it at once end the
# process (SIGSEGV): all are met here, before any request.
_LEARNED: Final = [
    msgspec.json.Decoder(kind) for kind in (Envelope, PurchasePayload, RefundPayload)
]

_Struct = TypeVar("_Struct", bound=msgspec.Struct)


def parse_envelope(body: bytes) -> Envelope:
    """Return the envelope of a request's body; raise EnvelopeError with 40001 or 40002."""
    refusal = "The body is not a JSON object."
    try:
        fields = _object(body.decode(), refusal)
    except UnicodeDecodeError as problem:
        raise EnvelopeError("40001", 400, refusal) from problem
    payload = fields.get("Payload")
    if payload is not None and not (isinstance(payload, str) and _is_text(payload)):
        raise EnvelopeError("40001", 400, "Payload: is not a JSON object in a string.")
    return _typed(fields, Envelope)


def parse_purchase(payload: str) -> PurchasePayload:
    """Return the purchase that a payload tells of; raise EnvelopeError with 40001 or 40002."""
    return parse_payload(payload, PurchasePayload)


def parse_refund(payload: str) -> RefundPayload:
    """Return the refund that a payload tells of; raise EnvelopeError with 40001 or 40002."""
    told = parse_payload(payload, RefundPayload)
    if (told.refund_status == "processing") != (told.finished_at == 0):
        wanted = "must be 0 while processing and the time of the end afterwards"
        raise EnvelopeError("40002", 400, f"Payload.FinishedAt: {wanted}.")
    return told


def parse_payload(payload: str, kind: type[_Struct]) -> _Struct:
    """Return a payload as that struct; raise EnvelopeError with 40001 or 40002."""
    fields = _object(payload, "Payload: is not a JSON object in a string.")
    return _typed(fields, kind, within="Payload.")


def parse_object(text: str) -> dict[str, Any]:
    """Return a JSON object, strictly parsed; raise EnvelopeError with 40001."""
    return _object(text, "This is not a JSON object.")


def sign(secret: str, event: str, payload: str) -> str:
    """Return `PayEventSig` for an event and the exact payload string."""
    return crypto.sign_hex(secret, f"{event}&{payload}")


def verify(secret: str, envelope: Envelope) -> bool:
    """Say, in constant time, whether an envelope was signed with that key."""
    return crypto.same(sign(secret, envelope.event, envelope.payload), envelope.pay_event_sig)


def build(*, event: str, pay_model: str, payload: str, secret: str) -> bytes:
    """Return the body of a signed envelope that carries the payload byte for byte."""
    return msgspec.json.encode(
        Envelope(
            event_type="event",
            event=event,
            pay_model=pay_model,
            payload=payload,
            pay_event_sig=sign(secret, event, payload),
        )
    )


def _object(text: str, refusal: str) -> dict[str, Any]:
    try:
        # msgspec would take the last of repeated keys, and has no path for a lone surrogate.
        found = _DECODER.decode(text)
    except (ValueError, RecursionError) as problem:
        raise EnvelopeError("40001", 400, refusal) from problem
    if not isinstance(found, dict) or _is_too_deep(text, found):
        raise EnvelopeError("40001", 400, refusal)
    return found


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("A key is repeated.")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON.")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_without_repeats, parse_constant=_no_constant)


def _is_too_deep(text: str, found: dict[str, Any]) -> bool:
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return False
    level: list[Any] = [found]
    for _depth in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def _is_text(value: str) -> bool:
    """Say whether a database can keep it."""
    return "\x00" not in value and not _SURROGATE.search(value)


_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")


def _typed(fields: dict[str, Any], kind: type[_Struct], within: str = "") -> _Struct:
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as problem:
        raise EnvelopeError("40002", 400, f"{within}{_told(str(problem))}") from problem
    except UnicodeEncodeError as problem:
        # Of a text that is to be one of a list msgspec says no more, if no database could keep it.
        names = (field.encode_name for field in msgspec.structs.fields(kind))
        wrong = next(name for name in names if not _is_text(str(fields.get(name))))
        refusal = f"{within}{wrong}: is none of the allowed values."
        raise EnvelopeError("40002", 400, refusal) from problem


# msgspec says: "Expected `int`, got `str` - at `$.GoodsInfo.Quantity`".
_PLACE: Final = re.compile(r" - at `\$\.?([^`]*)`\Z")
_MISSING: Final = re.compile(r"\AObject missing required field `([^`]*)`\Z")


def _told(problem: str) -> str:
    """Return the path and what is wrong there, without the value or a regular expression."""
    place = _PLACE.search(problem)
    path = place[1] if place else ""
    what = problem[: place.start()] if place else problem
    missing = _MISSING.match(what)
    if missing:
        path = f"{path}.{missing[1]}" if path else missing[1]
        return f"{path}: is missing."
    if what.startswith("Invalid enum value"):
        return f"{path}: is none of the allowed values."
    if "matching regex" in what:
        return f"{path}: is blank, too long, or has characters that are not allowed."
    return f"{path}: {what[:1].lower()}{what[1:].replace('`', '')}."
