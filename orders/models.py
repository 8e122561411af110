"""Paid orders, the configuration of their delivery, and every attempt to deliver them."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from items.models import ItemVersion
from orders.daily import (  # noqa: F401 -- Django finds models here
    DailySales,
    LateOutcome,
    PayingPlayer,
    Rollup,
)
from permissions.models import MiniGame, OfGame
from sasvpay.kit.state import Stateful


class Env(models.TextChoices):
    """The environment of an order; test orders are kept apart and never counted as sales."""

    LIVE = "0", _("Live")
    TEST = "1", _("Test")


class OrderSource(models.IntegerChoices):
    """Where an order was made; the third is a test as well."""

    IN_GAME = 1, _("In game")
    MARKETPLACE = 2, _("Marketplace")
    MARKETPLACE_TEST = 3, _("Marketplace test")


class Flag(models.TextChoices):
    """Why a person should look at an order, which is stored and delivered all the same."""

    UNKNOWN_ITEM = "unknown_item", _("Unknown item")
    NOT_ON_SALE = "not_on_sale", _("Not on sale")
    PRICE_DIFFERS = "price_differs", _("Price differs")
    PAYMENT_NOT_ENABLED = "payment_not_enabled", _("Payment not enabled")
    PAID_ABOVE_PRICE = "paid_above_price", _("Paid above the price")
    PAID_NOTHING = "paid_nothing", _("Paid nothing")


class DeliveryStatus(models.TextChoices):
    """How far an order's delivery is. *Retrying* is waiting after at least one attempt."""

    HELD = "held", _("Held")
    WAITING = "waiting", _("Waiting")
    SENDING = "sending", _("Sending")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Failed")


class RefundState(models.TextChoices):
    """What of an order was refunded, as its refunds tell; failed ones count for nothing."""

    NONE = "none", _("Not refunded")
    PROCESSING = "processing", _("Refund in progress")
    PARTLY = "partly", _("Partly refunded")
    FULLY = "fully", _("Fully refunded")


class Verdict(models.TextChoices):
    """What one attempt came to: success, or the reason why not."""

    DELIVERED = "delivered", _("Delivered")
    TIMEOUT = "timeout", _("No answer in time")
    DNS = "dns", _("Host name not found")
    REFUSED_ADDRESS = "refused_address", _("Address is not public")
    CONNECT = "connect", _("Connection failed")
    TLS = "tls", _("TLS failed")
    PROTOCOL = "protocol", _("Not a proper HTTP answer")
    HTTP_STATUS = "http_status", _("HTTP status is not 200")
    TOO_LARGE = "too_large", _("Answer above 64 KB")
    NOT_JSON = "not_json", _("Answer is not a JSON object")
    RETURN_CODE = "return_code", _("returnCode is not 0")
    NOT_OK = "not_ok", _("data is not OK")
    INTERRUPTED = "interrupted", _("Interrupted")


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

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["game", "-active_from"], name="orders_key_active"),
        ]

    def __str__(self) -> str:
        return self.serial


class Order(OfGame):
    """One paid purchase, as it was received. Business fields never change."""

    game = models.ForeignKey(MiniGame, models.PROTECT, related_name="orders")
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
    delivery_status = models.CharField(max_length=16, choices=DeliveryStatus.choices)
    # Both are kept by `refunding.note`: refunds themselves are of another app.
    refunded_cents = models.BigIntegerField(default=0)
    refund_state = models.CharField(
        max_length=16, choices=RefundState.choices, default=RefundState.NONE
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["game", "env", "number"], name="orders_number_once"),
            models.CheckConstraint(name="orders_quantity_above_zero", condition=Q(quantity__gt=0)),
            models.CheckConstraint(
                name="orders_amounts_not_negative",
                condition=Q(orig_price_cents__gte=0, actual_price_cents__gte=0),
            ),
            models.CheckConstraint(
                name="orders_refunded_within_paid",
                condition=Q(refunded_cents__gte=0, refunded_cents__lte=F("actual_price_cents")),
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["game", "-created_at", "-id"], name="orders_newest"),
            models.Index(fields=["open_id", "-created_at", "-id"], name="orders_by_player"),
            models.Index(
                fields=["game", "product_id", "-created_at", "-id"], name="orders_by_item"
            ),
            models.Index(
                fields=["game", "delivery_status", "-created_at", "-id"],
                name="orders_undelivered",
                condition=~Q(delivery_status="delivered"),
            ),
            models.Index(
                fields=["game", "-created_at", "-id"],
                name="orders_flagged",
                condition=~Q(flags=""),
            ),
            models.Index(
                fields=["game", "refund_state", "-created_at", "-id"],
                name="orders_refunded",
                condition=~Q(refund_state="none"),
            ),
            # Few among many: without it their list would walk over every sale.
            models.Index(
                fields=["game", "-created_at", "-id"],
                name="orders_tests",
                condition=Q(env="1") | Q(order_source=3),
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def flag_labels(self) -> list[str]:
        """Return the flags in words."""
        return [str(Flag(word).label) for word in self.flags.split()]

    @property
    def is_test(self) -> bool:
        """Say whether it is never counted as a sale."""
        return self.env == Env.TEST or self.order_source == OrderSource.MARKETPLACE_TEST


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
        ]

    def __str__(self) -> str:
        return f"{self.order_id}: {self.status}"


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
