"""Refunds of paid orders, as the superapp reports them."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from orders.models import Env, Order
from permissions.models import MiniGame, OfGame
from sasvpay.kit.state import Stateful


class RefundStatus(models.TextChoices):
    """How far a refund is, in the protocol's words; the last two are final."""

    PROCESSING = "processing", _("Processing")
    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")


class RefundFlag(models.TextChoices):
    """Why a person should look at a refund, which is stored all the same."""

    EXCEEDS_PAID = "exceeds_paid", _("Exceeds what was paid")
    OTHER_PLAYER = "other_player", _("Another player")


class Refund(Stateful, OfGame):
    """Money that the superapp gives back, or tried to. What it says of it only advances."""

    TRANSITIONS: ClassVar = {
        RefundStatus.PROCESSING: frozenset({RefundStatus.SUCCEEDED, RefundStatus.FAILED}),
    }

    game = models.ForeignKey(MiniGame, models.PROTECT, related_name="refunds", db_index=False)
    env = models.CharField(max_length=1, choices=Env.choices)
    number = models.CharField(_("refund number"), max_length=64)
    # None until the order has come too.
    order = models.ForeignKey(Order, models.PROTECT, null=True, related_name="refunds")
    order_number = models.CharField(_("order number"), max_length=64)
    open_id = models.CharField(_("OpenId"), max_length=128)
    amount_cents = models.BigIntegerField()
    status = models.CharField(max_length=16, choices=RefundStatus.choices)
    reason = models.TextField(blank=True)
    initiated_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    # Words of RefundFlag, separated by spaces.
    flags = models.CharField(max_length=200, blank=True, default="")
    # Of a test order (decision 29); by its environment alone until the order has come.
    is_test = models.BooleanField()
    # Of the event that told the present status.
    pay_model = models.CharField(max_length=128)
    payload = models.TextField()
    request_id = models.CharField(max_length=36)
    # When the first event came, and when anything of the row last changed.
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["game", "env", "number"], name="aftersales_number_once"
            ),
            models.CheckConstraint(
                name="aftersales_amount_above_zero", condition=Q(amount_cents__gt=0)
            ),
            models.CheckConstraint(
                name="aftersales_finished_exactly_when_final",
                condition=Q(status="processing", finished_at=None)
                | (~Q(status="processing") & Q(finished_at__isnull=False)),
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["game", "-initiated_at", "-id"], name="aftersales_newest"),
            models.Index(
                fields=["game", "status", "-initiated_at", "-id"], name="aftersales_by_status"
            ),
            models.Index(fields=["game", "order_number"], name="aftersales_by_order_number"),
            # Few among many.
            models.Index(
                fields=["game", "-initiated_at", "-id"],
                name="aftersales_flagged",
                condition=~Q(flags=""),
            ),
            models.Index(
                fields=["game", "-initiated_at", "-id"],
                name="aftersales_tests",
                condition=Q(is_test=True),
            ),
            models.Index(
                fields=["game", "env", "order_number"],
                name="aftersales_early",
                condition=Q(order=None),
            ),
            # What the daily figures have to look at again.
            models.Index(fields=["changed_at"], name="aftersales_changed"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def flag_labels(self) -> list[str]:
        """Return the flags in words."""
        return [str(RefundFlag(word).label) for word in self.flags.split()]


class RefundEvent(models.Model):
    """What the superapp told of a refund, verbatim: the first event of each status."""

    refund = models.ForeignKey(Refund, models.PROTECT, related_name="events")
    status = models.CharField(max_length=16, choices=RefundStatus.choices)
    pay_model = models.CharField(max_length=128)
    payload = models.TextField()
    request_id = models.CharField(max_length=36)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["refund", "status"], name="aftersales_event_once_a_status"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.refund_id}: {self.status}"


class UsedRefundNumber(models.Model):
    """The number of a refund that was purged, and how it ended: it makes no new refund, ever."""

    game = models.ForeignKey(MiniGame, models.PROTECT, related_name="+", db_index=False)
    env = models.CharField(max_length=1, choices=Env.choices)
    number = models.CharField(max_length=64)
    # Tells whether a replay says the same, without keeping what it said.
    digest = models.CharField(max_length=64)
    status = models.CharField(max_length=16, choices=RefundStatus.choices)
    left_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["number", "game", "env"], name="aftersales_used_once"),
        ]

    def __str__(self) -> str:
        return self.number


class DailyRefunds(OfGame):
    """What a mini game refunded of what was initiated on one day of the console's zone."""

    game = models.ForeignKey(MiniGame, models.PROTECT, related_name="+", db_index=False)
    is_test = models.BooleanField()
    day = models.DateField()
    refunds = models.IntegerField()
    refunded_cents = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["game", "is_test", "day"], name="aftersales_day_once"),
        ]

    def __str__(self) -> str:
        return f"{self.game_id}: {self.day}"
