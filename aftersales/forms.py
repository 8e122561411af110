"""What people may type on the pages of refunds."""

from typing import Final

from django import forms
from django.utils.translation import gettext_lazy as _

from aftersales.filters import Attention, RefundSearch
from aftersales.models import RefundStatus
from orders.filters import Environment
from orders.ranges import RangeForm
from orders.search_fields import Choice, Exactly


class RefundSearchForm(RangeForm):
    """What the after-sales record is searched by."""

    CHOICES: Final = ("status", "attention", "env")

    number = Exactly(_("Order or refund number"), longest=64, kind="search")
    status = Choice(_("Status"), _("Any status"), RefundStatus.choices)
    attention = Choice(_("Attention"), _("All refunds"), Attention.choices)
    env = Choice(_("Environment"), _("Live and test"), Environment.choices)

    @property
    def choices(self) -> list[forms.BoundField]:
        """Return the lists that narrow the search down."""
        return [self[name] for name in self.CHOICES]

    def search(self) -> RefundSearch:
        """Return what was asked for."""
        return RefundSearch(**self.cleaned_data)
