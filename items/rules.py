"""What an item's fields may hold: the same for forms, sheets and topics."""

import re
import unicodedata
from typing import Final

from django.utils.translation import gettext as _

from items.models import MAX_PRICE_CENTS
from sasvpay.kit import money
from sasvpay.kit.errors import DomainError

MAX_NAME: Final = 64
_ITEM_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
# Marks that turn the direction of writing: a name would show as another one.
_TURNING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class InvalidItemError(DomainError):
    """A field is wrong; `problems` says which, and how."""

    code = "invalid_item"
    status = 422

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = problems


def clean_name(name: str) -> str:
    """Return a name as it is kept."""
    return unicodedata.normalize("NFC", name).strip()


def problems(
    *, item_id: str | None = None, name: str | None = None, price_cents: int | None = None
) -> dict[str, str]:
    """Return what is wrong with the fields that are given, by field: for forms, sheets and here."""
    found = {
        "item_id": "" if item_id is None else _problem_of_id(item_id),
        "name": "" if name is None else _problem_of_name(name),
        "price_cents": "" if price_cents is None else _problem_of_price(price_cents),
    }
    return {field: problem for field, problem in found.items() if problem}


def _problem_of_id(item_id: str) -> str:
    if _ITEM_ID.fullmatch(item_id):
        return ""
    return _("Use 1 to 64 letters (A to Z), digits, “_” and “-”.")


def _problem_of_name(name: str) -> str:
    if not 1 <= len(name) <= MAX_NAME:
        return _("Enter a name of 1 to 64 characters.")
    kinds = {unicodedata.category(letter) for letter in name}
    if kinds & {"Cc", "Cs", "Zl", "Zp"} or not _TURNING.isdisjoint(name):
        return _("The name holds characters that cannot be shown: type it again.")
    if kinds <= {"Cf", "Zs", "Mn", "Me", "Cn", "Co"}:
        return _("The name has no character that can be seen.")
    return ""


def _problem_of_price(price_cents: int) -> str:
    if 0 < price_cents <= MAX_PRICE_CENTS:
        return ""
    return _("Enter a price above 0, and up to %(most)s.") % {
        "most": money.format_cents(MAX_PRICE_CENTS)
    }


def check(problems_found: dict[str, str]) -> None:
    """Raise InvalidItemError if something is wrong."""
    if problems_found:
        raise InvalidItemError(problems_found)
