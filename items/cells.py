"""The cells of an item's row: what each stands for, or why it cannot be taken.

Excel changes what is typed: an ID becomes a number or a date, a price becomes a text. Each function
returns the value, or raises CellError with a reason that tells how to put it right.
"""

import math
import re
import unicodedata
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from django.utils.translation import gettext as _

from items import images, rules
from items.models import MAX_PRICE_CENTS
from sasvpay.kit import money

MAX_SHOWN: Final = 100
_FILE: Final = re.compile(r"[^/\\:*?\"<>|]{1,96}\.[A-Za-z]{3,4}")
_MOMENT: Final = date | time | timedelta
# Zero-width and turning marks: what is seen would not be what is compared.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn"})


class CellError(ValueError):
    """The cell cannot be taken; the words are for the person who filled the sheet."""


def shown(value: Any) -> str:
    """Return a cell as Excel would show it, shortened."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer() and abs(value) < 10**15:
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    text = str(value).replace("\0", "\ufffd")
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"


def kept(value: Any) -> str | float:
    """Return a cell for the workbook of wrong rows, where what was wrong stays wrong.

    A date written as text would be an ID: it is left out, and the reason names it.
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else ""
    return value.replace("\0", "\ufffd") if isinstance(value, str) else ""


def item_id(value: Any) -> str:
    """Return the ID."""
    if value == "":
        raise CellError(_("Enter an item ID."))
    if isinstance(value, float | int) and not isinstance(value, bool):
        raise CellError(
            _(
                "Excel turned this ID into the number %(number)s; zeros at its beginning or later"
                " digits may be lost. Format the cell as Text and type the ID again."
            )
            % {"number": shown(value)}
        )
    text = _text(value)
    problem = rules.problems(item_id=text).get("item_id")
    if problem is None:
        return text
    if "item_id" not in rules.problems(item_id=unicodedata.normalize("NFKC", text)):
        raise CellError(
            _("The ID holds full-width characters. Type “%(plain)s” with plain ones.")
            % {"plain": unicodedata.normalize("NFKC", text)}
        )
    raise CellError(problem)


def name(value: Any) -> str:
    """Return the name."""
    if value == "":
        raise CellError(_("Enter a name."))
    if isinstance(value, float | int) and not isinstance(value, bool):
        raise CellError(
            _("Excel turned this name into a number. Format the cell as Text and type it again.")
        )
    text = _text(value)
    problem = rules.problems(name=text).get("name")
    if problem is not None:
        raise CellError(problem)
    return rules.clean_name(text)


def price(value: Any) -> int:
    """Return the price in cents."""
    if value == "":
        raise CellError(_("Enter a price."))
    if isinstance(value, float | int) and not isinstance(value, bool):
        cents = _cents(float(value))
    else:
        cents = _cents_of_text(_text(value))
    problem = rules.problems(price_cents=cents).get("price_cents")
    if problem is not None:
        raise CellError(problem)
    return cents


def image(value: Any) -> str:
    """Return the name of the picture's file, or nothing."""
    if value == "":
        return ""
    if not isinstance(value, str):
        raise CellError(_("Enter the name of a picture's file, such as sword.png."))
    text = _text(value)
    if any(unicodedata.category(letter) in _UNSEEN for letter in text) or not _FILE.fullmatch(text):
        raise CellError(_("Enter the name of a picture's file without folders, such as sword.png."))
    if text.rpartition(".")[2].lower() not in images.EXTENSIONS:
        raise CellError(_("Choose a picture that ends in .png, .jpg, .jpeg or .webp."))
    return text


def _text(value: Any) -> str:
    """Return a cell's text; refuse what is none, and spaces that nobody sees."""
    if isinstance(value, _MOMENT):
        raise CellError(
            _("Excel turned this into the date or time %(moment)s: format the cell, type it again.")
            % {"moment": shown(value)}
        )
    if not isinstance(value, str):
        raise CellError(_("Excel turned this into %(value)s.") % {"value": shown(value)})
    if not value.strip():
        raise CellError(_("The cell holds spaces only."))
    if value != value.strip():
        raise CellError(_("A space or line break stands before or after it. Delete it."))
    return value


def _cents(amount: float) -> int:
    if not math.isfinite(amount) or abs(amount) > MAX_PRICE_CENTS:
        # Far beyond any price: the catalogue's words say up to which.
        return MAX_PRICE_CENTS + 1
    # Excel itself counts with fifteen digits: 0.1 + 0.2 is 0.3 there.
    amount = float(f"{amount:.15g}")
    if round(amount, 2) != amount:
        raise CellError(_("The price has more than two decimals."))
    return round(amount * 100)


def _cents_of_text(text: str) -> int:
    try:
        return money.parse_cents(text)
    except money.MoneyError as problem:
        raise CellError(_why_no_amount(text) or str(problem)) from problem


def _why_no_amount(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text)
    if plain != text:
        return _("The price holds full-width characters. Type “%(plain)s” with plain ones.") % {
            "plain": plain[:MAX_SHOWN]
        }
    if re.fullmatch(r"[0-9.]+[eE][+-]?[0-9]+", text):
        return _("The price is written as a power of ten. Type all its digits.")
    if re.fullmatch(r"[0-9][0-9 ,.'\u2019]*", text) and re.search(r"[ ,'\u2019]", text):
        return _("Leave out separators of thousands, and use a point before the cents: 1234.50.")
    return ""
