"""What people may type on the pages of refunds."""

from typing import Final

from django import forms
from django.utils.translation import gettext_lazy as _

from aftersales.filters import Attention, RefundSearch
from aftersales.models import RefundStatus
from orders.filters import Environment
from orders.ranges import RangeForm


def _select() -> forms.Select:
    return forms.Select(attrs={"class": "input"})


class RefundSearchForm(RangeForm):
    """What the after-sales record is searched by."""

    CHOICES: Final = ("status", "attention", "env")

    number = forms.CharField(
        label=_("Order or refund number"),
        required=False,
        max_length=64,
        widget=forms.TextInput(
            attrs={
                "type": "search",
                "class": "input",
                "autocomplete": "off",
                "spellcheck": "false",
                "placeholder": _("Order or refund number"),
                "aria-keyshortcuts": "/",
            }
        ),
    )
    status = forms.ChoiceField(
        label=_("Status"),
        required=False,
        choices=[("", _("Any status")), *RefundStatus.choices],
        widget=_select(),
    )
    attention = forms.ChoiceField(
        label=_("Attention"),
        required=False,
        choices=[("", _("All refunds")), *Attention.choices],
        widget=_select(),
    )
    env = forms.ChoiceField(
        label=_("Environment"),
        required=False,
        choices=[("", _("Live and test")), *Environment.choices],
        widget=_select(),
    )

    @property
    def choices(self) -> list[forms.BoundField]:
        """Return the lists that narrow the search down."""
        return [self[name] for name in self.CHOICES]

    def search(self) -> RefundSearch:
        """Return what was asked for."""
        return RefundSearch(**self.cleaned_data)
