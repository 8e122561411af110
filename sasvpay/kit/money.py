"""Money: text to integer cents and back. The only place that knows how an amount is written."""

import re
from typing import Final

from django.utils.translation import gettext as _

# ASCII digits only: `Decimal` would accept "1e3" and full-width digits. Thirteen of them fit a
# bigint column in cents.
_AMOUNT: Final = re.compile(r"([0-9]{1,13})(?:\.([0-9]{1,2}))?")


class MoneyError(ValueError):
    """The text is no amount of money."""


def parse_cents(text: str) -> int:
    """Return the cents that the text names, zero or more; raise MoneyError if it names none."""
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise MoneyError(
            _("Enter an amount such as 12 or 12.34: digits, with at most two after the point.")
        )
    whole, rest = match.groups(default="")
    return int(whole) * 100 + int(rest.ljust(2, "0"))


def format_cents(cents: int) -> str:
    """Return the amount with a point and two decimals, without currency or separators."""
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole}.{rest:02d}"
