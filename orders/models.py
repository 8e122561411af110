"""Paid orders, the configuration of their delivery, and every attempt to deliver them."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from items.models import ItemVersion
from orders.callback_models import (
    AwaitedOrder,
    ConflictingCallback,
    RefusedCallback,
    UsedNumber,
)
from orders.choices import (
    DeliveryState,
    DeliveryStatus,
    Env,
    Flag,
    OrderSource,
    RefundState,
    Verdict,
)
from orders.daily import DailySales, LateOutcome, PayingPlayer, Rollup
from orders.delivery_models import DeliveryAct, Receiver
from orders.order_indexes import ORDER_INDEXES
from permissions.models import MiniGame, OfGame
from sasvpay.kit.state import Stateful

__all__ = [
    "AwaitedOrder",
    "ConflictingCallback",
    "DailySales",
    "Delivery",
    "DeliveryAct",
    "DeliveryAttempt",
    "DeliveryConfig",
    "DeliveryKey",
    "DeliveryState",
    "DeliveryStatus",
    "Env",
    "Flag",
    "LateOutcome",
    "Order",
    "OrderSource",
    "PayingPlayer",
    "Receiver",
    "RefundState",
    "RefusedCallback",
    "Rollup",
    "Settlement",
    "TestPush",
    "UsedNumber",
    "Verdict",
]


class DeliveryConfig(OfGame):
    """Where a game's delivery notifications go, and whether they go at all."""

    game = models.OneToOneField(MiniGame, models.PROTECT, related_name="delivery_config")
    url = models.CharField(_("URL"), max_length=2000)
    test_url = models.CharField(_("Test URL"), max_length=2000, blank=True, default="")
    is_enabled = models.BooleanField(default=False)
    # Orders that were held before this moment stay held until somebody pushes them.
    kept_before = models.DateTimeField(null=True)
    first_saved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    first_saved_at = models.DateTimeField()
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    changed_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(name="orders_config_has_a_url", condition=~Q(url="")),
        ]

    def __str__(self) -> str:
        return self.url


class DeliveryKey(OfGame):
    """The key that signs what goes to the developer's server, and the certificate issued with it.

    The certificate's private key is only ever in the letter that was sent.
    """

    game = models.ForeignKey(MiniGame, models.PROTECT, related_name="delivery_keys")
    secret_encrypted = models.BinaryField()
    certificate_pem = models.TextField()
    serial = models.CharField(max_length=64)
    fingerprint = models.CharField(max_length=95)
    expires_at = models.DateTimeField()
    issued_at = models.DateTimeField()
    issued_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    sent_to = models.EmailField()
    # It signs from then on; until then its predecessor does.
    active_from = models.DateTimeField()
    # When the administrators were told that the certificate ends soon.
    end_told_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["game", "-active_from"], name="orders_key_active"),
        ]

    def __str__(self) -> str:
        return self.serial


class Order(OfGame):
    """One paid purchase, as it was received. Business fields never change."""

    # Without an index of its own: others begin with it, and each costs every sale.
    game = models.ForeignKey(MiniGame, models.PROTECT, related_name="orders", db_index=False)
    env = models.CharField(max_length=1, choices=Env.choices)
    number = models.CharField(_("order number"), max_length=64)
    open_id = models.CharField(_("OpenId"), max_length=128)
    product_id = models.CharField(_("item ID"), max_length=128)
    # The version that was on sale when the order came, if any.
    item_version = models.ForeignKey(ItemVersion, models.PROTECT, null=True, related_name="orders")
    quantity = models.IntegerField()
    zone_id = models.CharField(max_length=128)
    orig_price_cents = models.BigIntegerField()
    actual_price_cents = models.BigIntegerField()
    attach = models.TextField(blank=True)
    order_source = models.SmallIntegerField(choices=OrderSource.choices)
    pay_model = models.CharField(max_length=128)
    # The signed string itself: it is pushed on byte for byte.
    payload = models.TextField()
    request_id = models.CharField(max_length=36)
    created_at = models.DateTimeField()
    # Words of Flag, separated by spaces.
    flags = models.CharField(max_length=200, blank=True, default="")
    # When a person settled the flags; the Settlement says who, and why.
    settled_at = models.DateTimeField(null=True)
    # A copy of the delivery's: `delivery_copy`.
    delivery_status = models.CharField(max_length=16, choices=DeliveryState.choices)
    # Both are kept by `refunding.note`: refunds themselves are of another app.
    refunded_cents = models.BigIntegerField(default=0)
    refund_state = models.CharField(
        max_length=16, choices=RefundState.choices, default=RefundState.NONE
    )

    class Meta:
        constraints: ClassVar = [
            # The number first: it is looked for in all the games that a person may see.
            models.UniqueConstraint(fields=["number", "game", "env"], name="orders_number_once"),
            models.CheckConstraint(name="orders_quantity_above_zero", condition=Q(quantity__gt=0)),
            models.CheckConstraint(
                name="orders_amounts_not_negative",
                condition=Q(orig_price_cents__gte=0, actual_price_cents__gte=0),
            ),
            models.CheckConstraint(
                name="orders_refunded_within_paid",
                condition=Q(refunded_cents__gte=0, refunded_cents__lte=F("actual_price_cents")),
            ),
            models.CheckConstraint(
                name="orders_settled_only_if_flagged", condition=Q(settled_at=None) | ~Q(flags="")
            ),
        ]
        indexes: ClassVar = ORDER_INDEXES

    def __str__(self) -> str:
        return self.number

    @property
    def is_unsettled(self) -> bool:
        """Say whether a person should still look at it."""
        return bool(self.flags) and self.settled_at is None

    @property
    def flag_labels(self) -> list[str]:
        """Return the flags in words."""
        return [str(Flag(word).label) for word in self.flags.split()]

    @property
    def is_test(self) -> bool:
        """Say whether it is never counted as a sale."""
        return self.env == Env.TEST or self.order_source == OrderSource.MARKETPLACE_TEST

    @property
    def refundable_cents(self) -> int:
        """Return what of it can still be refunded."""
        return self.actual_price_cents - self.refunded_cents


class Settlement(models.Model):
    """Who settled an order's attention flags, and with which note; the order says when."""

    order = models.OneToOneField(Order, models.CASCADE, primary_key=True)
    settled_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    note = models.TextField(max_length=500)

    def __str__(self) -> str:
        return self.note


class Delivery(Stateful):
    """The work of delivering one order: when it is due, who holds it, how often it was tried."""

    # DELIVERED follows everything: a developer's OK counts even when it is noted after the lease
    # ran out.
    TRANSITIONS: ClassVar = {
        DeliveryStatus.HELD: frozenset({DeliveryStatus.WAITING, DeliveryStatus.DELIVERED}),
        DeliveryStatus.WAITING: frozenset(
            {DeliveryStatus.SENDING, DeliveryStatus.HELD, DeliveryStatus.DELIVERED}
        ),
        DeliveryStatus.SENDING: frozenset(
            {DeliveryStatus.DELIVERED, DeliveryStatus.WAITING, DeliveryStatus.FAILED}
        ),
        DeliveryStatus.FAILED: frozenset({DeliveryStatus.WAITING, DeliveryStatus.DELIVERED}),
        DeliveryStatus.DELIVERED: frozenset({DeliveryStatus.WAITING}),
    }

    order = models.OneToOneField(Order, models.CASCADE, primary_key=True)
    game = models.ForeignKey(MiniGame, models.PROTECT, related_name="+")
    env = models.CharField(max_length=1, choices=Env.choices)
    status = models.CharField(max_length=16, choices=DeliveryStatus.choices)
    due_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    # Of them those that the plan does not count: probes, and all that were before a resend.
    uncounted = models.PositiveIntegerField(default=0, db_default=0)
    last_verdict = models.CharField(max_length=16, choices=Verdict.choices, blank=True, default="")
    # For the first time: a resend does not undo that the player had it then.
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["game", "env", "due_at"],
                name="orders_delivery_due",
                condition=Q(status="waiting"),
            ),
            models.Index(
                fields=["lease_until"],
                name="orders_delivery_lease",
                condition=Q(status="sending"),
            ),
            models.Index(
                fields=["game", "env", "due_at"],
                name="orders_delivery_held",
                condition=Q(status="held"),
            ),
            # Few among many: what the log is searched by.
            models.Index(
                fields=["game", "last_verdict"],
                name="orders_delivery_refused",
                condition=~Q(last_verdict__in=["", "delivered"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order_id}: {self.status}"

    @property
    def was_pushed(self) -> bool:
        """Say whether it may be sent again: it was pushed before, and nobody pushes it now."""
        is_waiting = self.status == DeliveryStatus.WAITING and self.attempts > self.uncounted
        return is_waiting or self.status in {DeliveryStatus.FAILED, DeliveryStatus.DELIVERED}

    @property
    def is_settled_by_hand(self) -> bool:
        """Say whether a person, and not the developer's server, said that it arrived."""
        return self.status == DeliveryStatus.DELIVERED and self.last_verdict != Verdict.DELIVERED


class DeliveryAttempt(models.Model):
    """One try: what was sent where, what came back, and what we made of it."""

    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="attempts_made")
    number = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    url = models.CharField(max_length=2000)
    key = models.ForeignKey(DeliveryKey, models.PROTECT, null=True, related_name="+")
    signature = models.CharField(max_length=64)
    status_code = models.PositiveSmallIntegerField(null=True)
    # At most 16 KB, with NUL and undecodable bytes replaced.
    answer = models.TextField(blank=True)
    took_ms = models.PositiveIntegerField()
    verdict = models.CharField(max_length=16, choices=Verdict.choices)
    detail = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["delivery", "number"], name="orders_attempt_number_once"
            ),
        ]
        indexes: ClassVar = [
            # What the metrics count of the last hour, out of a year's.
            models.Index(fields=["started_at", "verdict"], name="orders_attempts_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.delivery_id}#{self.number}"


class TestPush(OfGame):
    """A sample notification that a person sent to the Test URL, and how it was answered."""

    # pytest collects classes by that prefix.
    __test__ = False

    game = models.ForeignKey(MiniGame, models.PROTECT, related_name="test_pushes")
    sent_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    sent_at = models.DateTimeField()
    url = models.CharField(max_length=2000)
    body = models.TextField()
    signed_text = models.TextField()
    signature = models.CharField(max_length=64)
    status_code = models.PositiveSmallIntegerField(null=True)
    answer = models.TextField(blank=True)
    took_ms = models.PositiveIntegerField()
    verdict = models.CharField(max_length=16, choices=Verdict.choices)
    detail = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["game", "-sent_at"], name="orders_test_push_newest"),
        ]

    def __str__(self) -> str:
        return self.url
