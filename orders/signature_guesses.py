"""Why a signature is wrong: the mistakes that are usual, each tried and said in a sentence."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext as _

from orders.envelope import PURCHASE_EVENT, sign

if TYPE_CHECKING:
    from orders.signatures import Pasted

_HEX: Final = re.compile(r"[0-9a-f]{64}")
# So much is shown around the first character that differs.
_AROUND: Final = 20
# White space is what one does not see.
_VISIBLE: Final = str.maketrans({"\n": "\\n", "\r": "\\r", "\t": "\\t", " ": "\N{OPEN BOX}"})


def notes(
    pasted: "Pasted", secret: str, given: str, signed_text: str, *, other_secrets: Sequence[str]
) -> list[str]:
    """Return what differs, the surest first; nothing if all is right."""
    right = f"{PURCHASE_EVENT}&{pasted.payload}"
    found = []
    if pasted.event != PURCHASE_EVENT:
        found.append(_("“Event” must be %(event)s.") % {"event": PURCHASE_EVENT})
    if signed_text:
        found += _about_text(signed_text, right)
    expected = sign(secret, PURCHASE_EVENT, pasted.payload)
    if given and given != expected:
        guess = next(_guesses(pasted, secret, given, expected, other_secrets), "")
        found.append(guess or _about_signature(given, expected))
    return found


def _about_text(given: str, right: str) -> Iterator[str]:
    if given == right:
        return
    if given.split() == right.split() or "".join(given.split()) == "".join(right.split()):
        yield _("The string you signed differs in white space only: take the payload as received.")
    elif given.replace("&", "", 1) == right.replace("&", "", 1):
        yield _("The string you signed has no “&” between Event and Payload.")
    elif _same_json(given, right):
        yield _("The string you signed is the same JSON written anew: sign it as received.")
    yield _first_difference(given, right)


def _same_json(given: str, right: str) -> bool:
    try:
        one, two = (json.loads(text.partition("&")[2]) for text in (given, right))
    except ValueError:
        return False
    return bool(one == two)


def _first_difference(given: str, right: str) -> str:
    pairs = zip(given, right, strict=False)
    at = next((n for n, (one, two) in enumerate(pairs) if one != two), min(len(given), len(right)))
    return _(
        "Your string differs from character %(at)s on: yours has “%(given)s”, it should be “%(right)s”."
    ) % {
        "at": at + 1,
        "given": _excerpt(given, at),
        "right": _excerpt(right, at),
    }


def _excerpt(text: str, at: int) -> str:
    part = text[at : at + _AROUND]
    return part.translate(_VISIBLE) if part else _("nothing more")


def _about_signature(given: str, expected: str) -> str:
    if not _HEX.fullmatch(given):
        return _("A signature is 64 lower-case hexadecimal digits; yours is something else.")
    at = next(n for n, (one, two) in enumerate(zip(given, expected, strict=True)) if one != two)
    return _(
        "It differs from digit %(at)s on, and no usual mistake explains it: compare the key and the "
        "string that you sign."
    ) % {"at": at + 1}


def _guesses(
    pasted: "Pasted", secret: str, given: str, expected: str, other_secrets: Sequence[str]
) -> Iterator[str]:
    """Yield what explains the given signature."""
    if given.strip() == expected:
        yield _("There is white space around your signature.")
    if given.strip().lower() == expected:
        yield _("Your signature is right, but in upper case: it must be in lower case.")
    digits = given.strip().lower()
    if any(sign(other, PURCHASE_EVENT, pasted.payload) == digits for other in other_secrets):
        yield _("It was made with another key of this mini game: use the key that signs now.")
    if _decoded(secret) and _hmac(_decoded(secret), _joined(pasted.payload)) == digits:
        yield _("The key was decoded from hexadecimal: use its text, as UTF-8.")
    for text, sentence in _wrong_texts(pasted):
        if _hmac(secret.encode(), text) == digits:
            yield sentence
    if given.strip() == base64.b64encode(bytes.fromhex(expected)).decode():
        yield _("Your signature is in base64: it must be in hexadecimal.")
    if hashlib.sha256(f"{_joined(pasted.payload)}{secret}".encode()).hexdigest() == digits:
        yield _("That is a plain SHA-256: use HMAC-SHA256 with the key.")


def _wrong_texts(pasted: "Pasted") -> Iterator[tuple[str, str]]:
    """Yield what people sign instead, and how to say it."""
    payload = pasted.payload
    yield payload, _("Only the payload was signed: put Event and “&” before it.")
    yield f"{PURCHASE_EVENT}{payload}", _("The “&” between Event and Payload is missing.")
    if pasted.body:
        yield pasted.body, _("The whole body was signed: sign Event, “&” and Payload only.")
    for text in (payload.strip(), f"{payload}\n", payload.replace("\n", "\r\n")):
        if text != payload:
            yield (
                _joined(text),
                _("White space was added or removed: sign the payload as received."),
            )
    for text in _written_anew(payload):
        yield _joined(text), _("The payload was parsed and written anew: sign it as received.")


def _written_anew(payload: str) -> Iterator[str]:
    content = json.loads(payload)
    for separators in ((",", ":"), (", ", ": ")):
        for is_ascii in (False, True):
            for is_sorted in (False, True):
                text = json.dumps(
                    content, separators=separators, ensure_ascii=is_ascii, sort_keys=is_sorted
                )
                if text != payload:
                    yield text


def _joined(payload: str) -> str:
    return f"{PURCHASE_EVENT}&{payload}"


def _hmac(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _decoded(secret: str) -> bytes:
    try:
        return bytes.fromhex(secret)
    except ValueError:
        return b""
