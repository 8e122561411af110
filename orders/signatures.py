"""The signature helper: what is signed, what the signature should be, and what went wrong.

It signs nothing that could be taken for an order of this console: no text that names a stored
order number, nothing but JSON objects, and only under the event of a purchase.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from django.db import transaction
from django.utils.translation import gettext as _

from orders import credentials, signature_guesses
from orders.envelope import PURCHASE_EVENT, EnvelopeError, parse_object, sign
from orders.models import Order, UsedNumber
from permissions.models import MiniGame, User
from sasvpay.kit import audit, crypto
from sasvpay.kit.audit import Event
from sasvpay.kit.errors import DomainError

_NUMBER: Final = re.compile(r"[0-9A-Za-z_\-|*@]{1,64}")


class SignatureRefusedError(DomainError):
    """There is no key, no JSON object, or an order number that is stored."""

    code = "signature_refused"
    status = 422


@dataclass(frozen=True)
class Pasted:
    """What a person pasted: the payload, and what else stood in the body if it was one."""

    payload: str
    body: str = ""
    event: str = PURCHASE_EVENT
    signature: str = ""


@dataclass(frozen=True)
class Check:
    """What is signed and what comes out; in sentences, what differs from what was computed."""

    signed_text: str
    expected: str
    given: str
    notes: list[str] = field(default_factory=list)

    @property
    def is_equal(self) -> bool:
        """Say whether the given signature is right."""
        return self.given == self.expected


@transaction.atomic
def check(
    *, game: MiniGame, text: str, signature: str, signed_text: str, by: User, at: datetime
) -> Check:
    """Compare a developer's signature, and the string they signed, with what is right.

    `text` is a whole body or a payload. Raises SignatureRefusedError.
    """
    key = credentials.current_key(game, at)
    if key is None:
        raise SignatureRefusedError(_("There is no delivery key yet: save a URL first."))
    pasted = read(text)
    _refuse_stored(game, pasted.payload)
    secret = crypto.decrypt(key.secret_encrypted)
    given = signature or pasted.signature
    found = Check(
        signed_text=f"{PURCHASE_EVENT}&{pasted.payload}",
        expected=sign(secret, PURCHASE_EVENT, pasted.payload),
        given=given,
        notes=signature_guesses.notes(
            pasted, secret, given, signed_text, other_secrets=_other_secrets(game, key.pk)
        ),
    )
    audit.record(
        Event.SIGNATURE_CHECKED,
        by=by,
        target=key,
        at=at,
        sha256=sha256(found.signed_text.encode()).hexdigest(),
        is_equal=found.is_equal,
    )
    return found


def read(text: str) -> Pasted:
    """Return the payload of a pasted body, or the pasted payload itself."""
    fields = _object(text)
    payload = fields.get("Payload")
    if not isinstance(payload, str):
        return Pasted(payload=text)
    _object(payload)
    event, signature = fields.get("Event", ""), fields.get("PayEventSig", "")
    return Pasted(payload=payload, body=text, event=str(event), signature=str(signature))


def _object(text: str) -> dict[str, Any]:
    try:
        return parse_object(text)
    except EnvelopeError as problem:
        raise SignatureRefusedError(
            _("Paste the whole body or the payload as it was received: a JSON object.")
        ) from problem


def _refuse_stored(game: MiniGame, payload: str) -> None:
    """Refuse whatever names an order of the game, wherever it stands and however it is written."""
    numbers = {text for text in _values(parse_object(payload)) if _NUMBER.fullmatch(text)}
    if any(
        kind.objects.filter(game=game, number__in=numbers).exists() for kind in (Order, UsedNumber)
    ):
        raise SignatureRefusedError(
            _(
                "This names an order that is stored, and the helper signs none of those. Use a test "
                "notification, or change the order number."
            )
        )


def _values(content: Any) -> Iterator[str]:
    if isinstance(content, dict):
        content = list(content.values())
    if isinstance(content, list):
        for each in content:
            yield from _values(each)
    else:
        yield content if isinstance(content, str) else json.dumps(content)


def _other_secrets(game: MiniGame, current: int) -> list[str]:
    others = game.delivery_keys.exclude(pk=current).order_by("-active_from", "-pk")[:5]
    return [crypto.decrypt(key.secret_encrypted) for key in others]
