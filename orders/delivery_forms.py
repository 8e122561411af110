"""What people may type on the pages of deliveries."""

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django import forms
from django.utils.translation import gettext_lazy

from orders.filters import Environment, OrderSearch
from orders.models import DeliveryState, Order, Verdict
from orders.ranges import RangeForm
from orders.search_fields import Choice, Exactly
from permissions.forms import WordsField
from permissions.models import MiniGame

if TYPE_CHECKING:
    from django.db.models import QuerySet


@dataclass(frozen=True)
class DeliverySearch(OrderSearch):
    """What was asked of the delivery log: of which orders, and how they were answered last."""

    verdict: str = ""

    def rows(self, game: MiniGame) -> "QuerySet[Order]":
        """Return a mini game's orders that fit, not yet ordered."""
        found = super().rows(game)
        if self.verdict:
            # By game too: that is what the index begins with.
            found = found.filter(delivery__game=game, delivery__last_verdict=self.verdict)
        return found


class DeliverySearchForm(RangeForm):
    """What the delivery log is searched by."""

    number = Exactly(gettext_lazy("Order number"), longest=64, kind="search")
    state = Choice(
        gettext_lazy("Delivery state"), gettext_lazy("Any delivery state"), DeliveryState.choices
    )
    verdict = Choice(gettext_lazy("Last answer"), gettext_lazy("Any answer"), Verdict.choices)
    env = Choice(gettext_lazy("Environment"), gettext_lazy("Live and test"), Environment.choices)

    def search(self) -> DeliverySearch:
        """Return what was asked for."""
        return DeliverySearch(**self.cleaned_data)

    def kept(self) -> list[tuple[str, str]]:
        """Return what was asked for, as an act on what was found hands it on.

        The page is left out: what is sent again may be all of it.
        """
        return [(name, self.data[name]) for name in self.fields if self.data.get(name)]

    def query(self) -> str:
        """Return what was asked for, as a query string."""
        return urlencode(self.kept())


class SettleForm(forms.Form):
    """Why an order counts as delivered although no server confirmed it."""

    reason = WordsField(
        label=gettext_lazy("Reason"),
        help_text=gettext_lazy("For example how the player got the item. It stays in the history."),
    )


class SignatureForm(forms.Form):
    """What a developer received, and what they computed. Nothing of it is trimmed."""

    text = forms.CharField(
        label=gettext_lazy("Body or payload, as received"),
        strip=False,
        max_length=64 * 1024,
        widget=forms.Textarea({"rows": 8, "spellcheck": "false", "class": "mono"}),
        help_text=gettext_lazy("The whole JSON body of a notification, or its Payload string."),
    )
    signature = forms.CharField(
        label=gettext_lazy("Signature you computed"),
        required=False,
        strip=False,
        max_length=200,
        widget=forms.TextInput({"class": "input mono", "autocomplete": "off"}),
        help_text=gettext_lazy("Optional. Without it the PayEventSig of the body is compared."),
    )
    signed_text = forms.CharField(
        label=gettext_lazy("String you signed"),
        required=False,
        strip=False,
        max_length=64 * 1024,
        widget=forms.Textarea({"rows": 3, "spellcheck": "false", "class": "mono"}),
        help_text=gettext_lazy("Optional. The first character that differs is shown."),
    )

    def clean_text(self) -> str:
        """Undo what a browser does to line breaks."""
        return _as_typed(self.cleaned_data["text"])

    def clean_signed_text(self) -> str:
        """Do the same."""
        return _as_typed(self.cleaned_data["signed_text"])


def _as_typed(text: str) -> str:
    return text.replace("\r\n", "\n")
