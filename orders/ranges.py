"""What is typed to choose a time range: the same for every record that is searched by time."""

from datetime import datetime
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy

from orders.filters import Period, days_of_default, span_of
from orders.search_fields import Choice, Day
from sasvpay.kit.listing import ListingError


class RangeForm(forms.Form):
    """A time range, chosen or typed. A subclass adds `number`: an exact look-up goes further back."""

    period = Choice(gettext_lazy("Time range"), None, Period.choices)
    since = Day(gettext_lazy("From"))
    until = Day(gettext_lazy("To"))

    def __init__(self, asked: QueryDict, *, at: datetime) -> None:
        self._at = at
        if asked.get("period") == Period.CUSTOM and not (asked.get("since") or asked.get("until")):
            # Whoever just chose "Custom" begins with the dates that were shown.
            first, last = days_of_default(at)
            asked = asked.copy()
            asked["since"], asked["until"] = first.isoformat(), last.isoformat()
        super().__init__(asked)

    @property
    def shows_dates(self) -> bool:
        """Say whether the two dates are of use."""
        asked = self.data
        is_default = not asked.get("period") and (asked.get("since") or asked.get("until"))
        return asked.get("period") == Period.CUSTOM or bool(is_default)

    @property
    def is_searched(self) -> bool:
        """Say whether anything was asked for."""
        return any(self.data.get(name) for name in self.fields)

    def clean(self) -> dict[str, Any]:
        """Refuse a range that cannot be shown, beside the field that asks for it."""
        cleaned = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        days = {name: cleaned.pop(name) for name in ("since", "until")}
        try:
            cleaned["span"] = span_of(
                cleaned.pop("period"), **days, number=cleaned["number"], at=self._at
            )
        except ListingError as refusal:
            is_end_missing = days["since"] and not days["until"]
            self.add_error("until" if is_end_missing else "since", refusal.message)
        return cleaned
