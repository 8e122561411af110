"""Paid orders, the configuration of their delivery, and every attempt to deliver them."""

from typing import ClassVar, Final

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from items.models import ItemVersion
from orders.choices import DeliveryStatus, Env, Flag, OrderSource, RefundState, Verdict
from orders.delivery_models import DeliveryAct, Receiver
from orders.operation_models import RefusedCallback, UsedNumber
from permissions.models import MiniGame, OfGame
from sasvpay.kit.state import Stateful

__all__ = [
    "ConflictingCallback",
    "Delivery",
    "DeliveryAct",
    "DeliveryAttempt",
    "DeliveryConfig",
    "DeliveryKey",
    "DeliveryStatus",
    "Env",
    "Flag",
    "Order",
    "OrderSource",
    "Receiver",
    "RefundState",
    "RefusedCallback",
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


# How a mini game's orders are listed, and most of their indexes begin.
_IN_ORDER: Final = ["game", "-created_at", "-id"]


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
    delivery_status = models.CharField(max_length=16, choices=DeliveryStatus.choices)
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
        indexes: ClassVar = [
            # With what nearly all orders have in common: so it alone can count them.
            models.Index(
                fields=[
                    *_IN_ORDER,
                    "env",
                    "order_source",
                    "delivery_status",
                    "refund_state",
                ],
                name="orders_newest",
            ),
            # As above, the player first.
            models.Index(fields=["open_id", "game", "-created_at", "-id"], name="orders_by_player"),
            models.Index(
                fields=["game", "product_id", "-created_at", "-id"], name="orders_by_item"
            ),
            models.Index(
                fields=["game", "delivery_status", "-created_at", "-id"],
                name="orders_undelivered",
                condition=~Q(delivery_status="delivered"),
            ),
            models.Index(
                fields=[*_IN_ORDER, "flags"],
                name="orders_flagged",
                condition=~Q(flags=""),
            ),
            models.Index(
                fields=_IN_ORDER,
                name="orders_unsettled",
                condition=~Q(flags="") & Q(settled_at=None),
            ),
            models.Index(
                fields=["game", "refund_state", "-created_at", "-id"],
                name="orders_refunded",
                condition=~Q(refund_state="none"),
            ),
            # Few among many: without it their list would walk over every sale.
            models.Index(
                fields=_IN_ORDER,
                name="orders_tests",
                condition=Q(env="1") | Q(order_source=3),
            ),
            models.Index(
                fields=["game", "order_source", "-created_at", "-id"],
                name="orders_by_source",
                condition=~Q(order_source=1),
            ),
        ]

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


class ConflictingCallback(OfGame):
    """An authentic callback whose number was stored with other content; kept verbatim."""

    game = models.ForeignKey(MiniGame, models.PROTECT, related_name="+")
    order = models.ForeignKey(Order, models.PROTECT, null=True, related_name="conflicts")
    event = models.CharField(max_length=64)
    env = models.CharField(max_length=1, choices=Env.choices)
    number = models.CharField(max_length=64)
    pay_model = models.CharField(max_length=128)
    payload = models.TextField()
    # The names of the fields that differ, separated by spaces.
    differs = models.CharField(max_length=300)
    request_id = models.CharField(max_length=36)
    created_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["game", "-created_at"], name="orders_conflicts_newest"),
        ]

    def __str__(self) -> str:
        return self.number


class AwaitedOrder(OfGame):
    """The number of an order that something came before: storing it tells that it is awaited."""

    game = models.ForeignKey(MiniGame, models.PROTECT, related_name="+")
    env = models.CharField(max_length=1, choices=Env.choices)
    number = models.CharField(max_length=64)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["game", "env", "number"], name="orders_awaited_once"),
        ]

    def __str__(self) -> str:
        return self.number


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
        return f"{self.game}: {self.verdict}"


class DailySales(OfGame):
    """What a mini game sold on one day of the console's zone; test orders have a row of their own.

    What came of delivery is told by the day of the order, however late it ended.
    """

    game = models.ForeignKey(MiniGame, models.PROTECT, related_name="+", db_index=False)
    is_test = models.BooleanField()
    day = models.DateField()
    orders = models.IntegerField()
    paid_cents = models.BigIntegerField()
    payers = models.IntegerField()
    delivered = models.IntegerField()
    failed = models.IntegerField()
    # Orders by how long they took to be delivered: {step of `orders.waits`: orders}.
    waits = models.JSONField(default=dict)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["game", "is_test", "day"], name="orders_day_once"),
        ]

    def __str__(self) -> str:
        return f"{self.game_id}: {self.day}"


class PayingPlayer(OfGame):
    """A player who paid in a mini game, and the last day on which that was."""

    game = models.ForeignKey(MiniGame, models.PROTECT, related_name="+", db_index=False)
    open_id = models.CharField(max_length=128)
    last_paid_day = models.DateField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["game", "open_id"], name="orders_player_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["game", "last_paid_day"], name="orders_players_by_day"),
        ]

    def __str__(self) -> str:
        return self.open_id


class LateOutcome(OfGame):
    """A note that an old order's delivery ended only now: its day is to be computed anew."""

    game = models.ForeignKey(MiniGame, models.PROTECT, related_name="+", db_index=False)
    ordered_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.game_id}: {self.ordered_at}"


class Rollup(models.Model):
    """How far a kind of daily figures is; whoever computes them holds this row."""

    name = models.CharField(max_length=16, primary_key=True)
    swept_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name
