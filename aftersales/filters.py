"""What the after-sales record may be searched by: one definition for the page and the export."""

from dataclasses import dataclass

from django.db import models
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from aftersales.models import Refund
from orders.filters import Environment
from orders.models import Env
from permissions.models import MiniGame
from sasvpay.kit.listing import Range


class Attention(models.TextChoices):
    """Whether a person should look at a refund."""

    FLAGGED = "flagged", _("With attention flags")
    EARLY = "early", _("Without its order")


@dataclass(frozen=True)
class RefundSearch:
    """What was asked of the after-sales record."""

    span: Range
    number: str = ""
    status: str = ""
    attention: str = ""
    env: str = ""

    def rows(self, game: MiniGame) -> "QuerySet[Refund]":
        """Return a mini game's refunds that fit, not yet ordered."""
        found = Refund.objects.filter(
            game=game, initiated_at__gte=self.span.since, initiated_at__lt=self.span.until
        )
        if self.number:
            # Both environments by name: the index that makes numbers unique needs them.
            its_own = Q(number=self.number, env__in=Env.values)
            found = found.filter(its_own | Q(order_number=self.number))
        if self.status:
            found = found.filter(status=self.status)
        if self.attention:
            is_early = self.attention == Attention.EARLY
            found = found.filter(Q(order=None) if is_early else ~Q(flags=""))
        if self.env:
            found = found.filter(is_test=self.env == Environment.TEST)
        return found
