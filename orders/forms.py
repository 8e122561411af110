"""What people may type on the pages of orders and their delivery."""

from datetime import datetime, timedelta
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orders.filters import Attention, Environment, OrderSearch, Refunding
from orders.models import DeliveryConfig, DeliveryState, OrderSource
from orders.ranges import RangeForm
from orders.search_fields import Choice, Exactly
from permissions.forms import WordsField
from sasvpay.kit.outbound import UnsafeUrlError, check_url

_URL_LENGTH: Final = DeliveryConfig._meta.get_field("url").max_length


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


class OrderSearchForm(RangeForm):
    """What the order record is searched by."""

    # Behind "More filters".
    RARE: Final = ("open_id", "item", "source", "env", "refund")

    number = Exactly(gettext_lazy("Order number"), longest=64, kind="search")
    state = Choice(
        gettext_lazy("Delivery state"), gettext_lazy("Any delivery state"), DeliveryState.choices
    )
    attention = Choice(
        gettext_lazy("Attention"), gettext_lazy("With and without flags"), Attention.choices
    )
    open_id = Exactly(gettext_lazy("Player (OpenId)"), longest=128)
    item = Exactly(gettext_lazy("Item ID"), longest=128)
    source = Choice(
        gettext_lazy("Order source"), gettext_lazy("Any order source"), OrderSource.choices
    )
    env = Choice(gettext_lazy("Environment"), gettext_lazy("Live and test"), Environment.choices)
    refund = Choice(
        gettext_lazy("Refund state"), gettext_lazy("Any refund state"), Refunding.choices
    )

    @property
    def rare_fields(self) -> list[forms.BoundField]:
        """Return the fields behind "More filters"."""
        return [self[name] for name in self.RARE]

    @property
    def rare_count(self) -> int:
        """Return how many of them were filled in."""
        return sum(bool(self.data.get(name)) for name in self.RARE)

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

    q = Exactly(gettext_lazy("Order number or OpenId"), longest=128, kind="search")
