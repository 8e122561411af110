"""What people may type on the pages of orders and their delivery."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orders.filters import (
    Attention,
    Environment,
    OrderSearch,
    Period,
    State,
    days_of_default,
    span_of,
)
from orders.models import DeliveryConfig, OrderSource, RefundState
from permissions.forms import WordsField
from sasvpay.kit.listing import ListingError
from sasvpay.kit.outbound import UnsafeUrlError, check_url

_URL_LENGTH: Final = DeliveryConfig._meta.get_field("url").max_length
# Whatever the language of the page: a native date input speaks ISO only.
ISO_DAY: Final = "%Y-%m-%d"


def _select() -> forms.Select:
    return forms.Select(attrs={"class": "input"})


def _url_input(placeholder: str) -> forms.TextInput:
    return forms.TextInput(
        attrs={
            "class": "input",
            "inputmode": "url",
            "autocomplete": "off",
            "spellcheck": "false",
            "placeholder": placeholder,
        }
    )


class DeliveryConfigForm(forms.Form):
    """The two URLs of a mini game."""

    url = forms.CharField(
        label=gettext_lazy("URL"),
        max_length=_URL_LENGTH,
        widget=_url_input("https://pay.example.com/deliver"),
        help_text=gettext_lazy(
            "Paid orders are pushed here. http:// (port 80) or https:// (port 443), on a public "
            "address."
        ),
        error_messages={
            "required": gettext_lazy("Enter the URL that receives delivery notifications.")
        },
    )
    test_url = forms.CharField(
        label=gettext_lazy("Test URL"),
        required=False,
        max_length=_URL_LENGTH,
        widget=_url_input("https://pay.example.com/deliver-test"),
        help_text=gettext_lazy(
            "Optional. Test orders and test notifications go here; it may be the same URL. Without "
            "it test orders are held."
        ),
    )

    def clean_url(self) -> str:
        """Refuse what notifications may not be sent to, and say why."""
        return _checked(self.cleaned_data["url"])

    def clean_test_url(self) -> str:
        """Do the same, unless it is left empty."""
        url: str = self.cleaned_data["test_url"]
        return _checked(url) if url else ""


def _checked(url: str) -> str:
    try:
        check_url(url)
    except UnsafeUrlError as refusal:
        raise ValidationError(refusal.message, code=refusal.code) from refusal
    return url


class SwitchOnForm(forms.Form):
    """What becomes of the orders that came while the switch was off."""

    held = forms.ChoiceField(
        label=gettext_lazy("Waiting orders"),
        choices=[
            ("push", gettext_lazy("Push them now")),
            ("keep", gettext_lazy("Keep them held; you can push them later")),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose what happens to the waiting orders.")},
    )

    def __init__(self, typed: QueryDict | None, *, is_on: bool, has_waiting: bool) -> None:
        super().__init__(typed)
        self._is_on = is_on
        if is_on or not has_waiting:
            # While it is on there is one thing to do here: push what is held.
            del self.fields["held"]

    @property
    def push_waiting(self) -> bool:
        """Say whether the waiting orders are to be pushed."""
        return bool(self.cleaned_data.get("held", "push" if self._is_on else "keep") == "push")


class RotateKeyForm(forms.Form):
    """When a new key begins to sign."""

    CUSTOM: Final = "custom"

    when = forms.ChoiceField(
        label=gettext_lazy("The new key signs"),
        choices=[
            ("0", gettext_lazy("At once")),
            ("1", gettext_lazy("In 1 hour")),
            ("6", gettext_lazy("In 6 hours")),
            ("12", gettext_lazy("In 12 hours")),
            ("24", gettext_lazy("In 24 hours")),
            (CUSTOM, gettext_lazy("At the time below")),
        ],
        initial="1",
        widget=_select(),
        help_text=gettext_lazy("Until then the present key signs. Prepare your server meanwhile."),
    )
    moment = forms.DateTimeField(
        label=gettext_lazy("Time"),
        required=False,
        widget=forms.DateTimeInput(
            attrs={"type": "datetime-local", "class": "input"}, format="%Y-%m-%dT%H:%M"
        ),
        error_messages={"invalid": gettext_lazy("Enter a date and a time.")},
    )

    def clean(self) -> dict[str, Any]:
        """Demand a time where one was announced."""
        cleaned = super().clean() or self.cleaned_data
        is_custom = cleaned.get("when") == self.CUSTOM
        if is_custom and not cleaned.get("moment") and "moment" not in self.errors:
            self.add_error("moment", _("Enter the date and time from which the new key signs."))
        return cleaned

    def active_from(self, at: datetime) -> datetime:
        """Return the chosen moment."""
        if self.cleaned_data["when"] == self.CUSTOM:
            moment: datetime = self.cleaned_data["moment"]
            # The field has minutes: the present one means now.
            return at if at - timedelta(minutes=1) < moment < at else moment
        return at + timedelta(hours=int(self.cleaned_data["when"]))


class _Choice(forms.ChoiceField):
    """A filter with a list, which it names to whoever asks for something else."""

    def __init__(self, label: Any, nothing: Any, choices: Iterable[tuple[Any, Any]]) -> None:
        self._offered = [("", nothing), *choices] if nothing else list(choices)
        super().__init__(label=label, required=False, choices=self._offered, widget=_select())

    def validate(self, value: Any) -> None:
        """Refuse a value that is not offered."""
        if value and not self.valid_value(value):
            offered = ", ".join(str(label) for _value, label in self._offered)
            raise ValidationError(_("Choose one of these: %(offered)s.") % {"offered": offered})


class _Exactly(forms.CharField):
    """A filter that is matched letter by letter."""

    def __init__(self, label: Any, *, longest: int, kind: str = "text") -> None:
        attrs = {
            "type": kind,
            "class": "input",
            "autocomplete": "off",
            "spellcheck": "false",
            "placeholder": label,
        }
        widget = forms.TextInput(attrs)
        super().__init__(label=label, required=False, max_length=longest, widget=widget)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        """Set no maxlength: the browser would cut what is pasted without a word."""
        return {}


class _Day(forms.DateField):
    """A day, as a native date input sends it."""

    def __init__(self, label: Any) -> None:
        super().__init__(
            label=label,
            required=False,
            input_formats=[ISO_DAY],
            widget=forms.DateInput(attrs={"type": "date", "class": "input"}, format=ISO_DAY),
            error_messages={"invalid": gettext_lazy("Enter a day that exists, as YYYY-MM-DD.")},
        )


class OrderSearchForm(forms.Form):
    """What the order record is searched by."""

    # Behind "More filters".
    RARE: Final = ("open_id", "item", "source", "env", "refund")

    number = _Exactly(gettext_lazy("Order number"), longest=64, kind="search")
    period = _Choice(gettext_lazy("Time range"), None, Period.choices)
    since = _Day(gettext_lazy("From"))
    until = _Day(gettext_lazy("To"))
    state = _Choice(
        gettext_lazy("Delivery state"), gettext_lazy("Any delivery state"), State.choices
    )
    attention = _Choice(
        gettext_lazy("Attention"), gettext_lazy("With and without flags"), Attention.choices
    )
    open_id = _Exactly(gettext_lazy("Player (OpenId)"), longest=128)
    item = _Exactly(gettext_lazy("Item ID"), longest=128)
    source = _Choice(
        gettext_lazy("Order source"), gettext_lazy("Any order source"), OrderSource.choices
    )
    env = _Choice(gettext_lazy("Environment"), gettext_lazy("Live and test"), Environment.choices)
    refund = _Choice(
        gettext_lazy("Refund state"), gettext_lazy("Any refund state"), RefundState.choices
    )

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

    @property
    def rare_fields(self) -> list[forms.BoundField]:
        """Return the fields behind "More filters"."""
        return [self[name] for name in self.RARE]

    @property
    def rare_count(self) -> int:
        """Return how many of them were filled in."""
        return sum(bool(self.data.get(name)) for name in self.RARE)

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
            self.add_error("since", refusal.message)
        return cleaned

    def search(self) -> OrderSearch:
        """Return what was asked for."""
        return OrderSearch(**self.cleaned_data)


class SettleForm(forms.Form):
    """What came of looking at an order's attention flags."""

    note = WordsField(
        label=gettext_lazy("Note"),
        help_text=gettext_lazy("What was found, and what was done. Everybody in the team sees it."),
    )


class FindForm(forms.Form):
    """An order number or OpenId, typed into the top bar."""

    q = _Exactly(gettext_lazy("Order number or OpenId"), longest=128, kind="search")
