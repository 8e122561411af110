"""One factory per model, without surprises."""

from datetime import UTC, datetime

import factory
from factory.django import DjangoModelFactory

from aftersales.models import Refund, RefundStatus
from items import release
from items.models import ExemptionRequest, Item, ItemVersion, ReleaseRequest
from orders.models import (
    Delivery,
    DeliveryAttempt,
    DeliveryConfig,
    DeliveryKey,
    DeliveryState,
    DeliveryStatus,
    Env,
    Order,
    OrderSource,
)
from permissions import teams
from permissions.matrix import TeamRole
from permissions.models import (
    CallbackKey,
    Membership,
    Merchant,
    MiniGame,
    PaymentRequest,
    Team,
    User,
)
from sasvpay.kit import crypto

AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
PASSWORD = "a long enough password"
CALLBACK_SECRET = "c" * 64
DELIVERY_SECRET = "d" * 64


class UserFactory(DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@example.com")
    name = factory.Sequence(lambda n: f"Person {n}")

    @factory.post_generation
    def password(self, create, extracted, **kwargs):
        self.set_password(extracted or PASSWORD)
        self.save()


class TeamFactory(DjangoModelFactory):
    class Meta:
        model = Team

    name = factory.Sequence(lambda n: f"Team {n}")
    created_at = AT


class MerchantFactory(DjangoModelFactory):
    class Meta:
        model = Merchant

    team = factory.SubFactory(TeamFactory)
    merchant_id = factory.Sequence(lambda n: f"m_{n}")
    name = "Merchant"
    bound_at = AT


class MembershipFactory(DjangoModelFactory):
    """A member with the grants of the role."""

    class Meta:
        model = Membership
        skip_postgeneration_save = True

    team = factory.SubFactory(TeamFactory)
    user = factory.SubFactory(UserFactory)
    role = TeamRole.DEVELOPER
    joined_at = AT

    @factory.post_generation
    def grants(self, create, extracted, **kwargs):
        teams.apply_defaults(self)


class MiniGameFactory(DjangoModelFactory):
    class Meta:
        model = MiniGame

    team = factory.SubFactory(TeamFactory)
    app_id = factory.Sequence(lambda n: f"mg_{n:06}")
    name = factory.Sequence(lambda n: f"Game {n}")
    created_at = AT


class PaymentRequestFactory(DjangoModelFactory):
    class Meta:
        model = PaymentRequest

    game = factory.SubFactory(MiniGameFactory)
    message = "Please enable payment."
    requested_by = factory.SubFactory(UserFactory)
    requested_at = AT


class CallbackKeyFactory(DjangoModelFactory):
    class Meta:
        model = CallbackKey

    game = factory.SubFactory(MiniGameFactory)
    secret_encrypted = factory.LazyFunction(lambda: crypto.encrypt(CALLBACK_SECRET))
    issued_at = AT
    issued_by = factory.SubFactory(UserFactory)


class DeliveryConfigFactory(DjangoModelFactory):
    class Meta:
        model = DeliveryConfig

    game = factory.SubFactory(MiniGameFactory)
    url = "http://127.0.0.1:9/notify"
    is_enabled = True
    first_saved_by = factory.SubFactory(UserFactory)
    first_saved_at = AT
    changed_by = factory.SelfAttribute("first_saved_by")
    changed_at = AT


class DeliveryKeyFactory(DjangoModelFactory):
    class Meta:
        model = DeliveryKey

    game = factory.SubFactory(MiniGameFactory)
    secret_encrypted = factory.LazyFunction(lambda: crypto.encrypt(DELIVERY_SECRET))
    certificate_pem = "-----BEGIN CERTIFICATE-----"
    serial = factory.Sequence(lambda n: f"{n:032x}")
    fingerprint = ":".join(["ab"] * 32)
    expires_at = AT.replace(year=2027)
    issued_at = AT
    issued_by = factory.SubFactory(UserFactory)
    sent_to = "dev@example.com"
    active_from = AT


class ItemFactory(DjangoModelFactory):
    class Meta:
        model = Item

    game = factory.SubFactory(MiniGameFactory)
    item_id = factory.Sequence(lambda n: f"item_{n}")
    created_at = AT


class ItemVersionFactory(DjangoModelFactory):
    class Meta:
        model = ItemVersion

    item = factory.SubFactory(ItemFactory)
    number = 1
    name = "Starlight Sword"
    price_cents = 499
    status = ItemVersion.Status.RELEASED
    created_at = AT
    changed_by = factory.SubFactory(UserFactory)
    changed_at = AT


class ReleaseRequestFactory(DjangoModelFactory):
    """A pending request, of a version that is in review."""

    class Meta:
        model = ReleaseRequest

    version = factory.SubFactory(ItemVersionFactory, status=ItemVersion.Status.IN_REVIEW)
    digest = factory.LazyAttribute(lambda request: release.digest_of(request.version))
    message = "Please release it."
    requested_by = factory.SubFactory(UserFactory)
    requested_at = AT


class ExemptionRequestFactory(DjangoModelFactory):
    class Meta:
        model = ExemptionRequest

    game = factory.SubFactory(MiniGameFactory)
    message = "Please exempt us."
    requested_by = factory.SubFactory(UserFactory)
    requested_at = AT


class OrderFactory(DjangoModelFactory):
    class Meta:
        model = Order

    game = factory.SubFactory(MiniGameFactory)
    env = Env.LIVE
    number = factory.Sequence(lambda n: f"T{n:012}")
    open_id = "o_player"
    product_id = "gold_100"
    quantity = 1
    zone_id = "1"
    orig_price_cents = 100
    actual_price_cents = 100
    attach = ""
    order_source = OrderSource.IN_GAME
    pay_model = "test"
    payload = "{}"
    request_id = "00000000-0000-4000-8000-000000000000"
    created_at = AT
    delivery_status = DeliveryState.WAITING


def copied(delivery):
    """Return what an order says of its delivery: waiting after an attempt is *retrying*."""
    is_retrying = delivery.status == DeliveryStatus.WAITING and delivery.attempts
    return DeliveryState.RETRYING if is_retrying else delivery.status


class DeliveryFactory(DjangoModelFactory):
    """The delivery of a new order, whose copy says how it stands."""

    class Meta:
        model = Delivery

    order = factory.SubFactory(
        OrderFactory,
        delivery_status=factory.LazyAttribute(lambda order: copied(order.factory_parent)),
    )
    game = factory.SelfAttribute("order.game")
    env = factory.SelfAttribute("order.env")
    status = DeliveryStatus.WAITING
    due_at = AT
    attempts = 0


class RefundFactory(DjangoModelFactory):
    """A refund of the whole order that succeeded, without its events and the order's sum."""

    class Meta:
        model = Refund

    game = factory.SelfAttribute("order.game")
    env = factory.SelfAttribute("order.env")
    number = factory.Sequence(lambda n: f"R{n:012}")
    order = factory.SubFactory(OrderFactory)
    order_number = factory.SelfAttribute("order.number")
    open_id = factory.SelfAttribute("order.open_id")
    amount_cents = 100
    status = RefundStatus.SUCCEEDED
    reason = "Bought by a child"
    initiated_at = AT
    finished_at = AT
    is_test = factory.SelfAttribute("order.is_test")
    pay_model = "test"
    payload = "{}"
    request_id = "00000000-0000-4000-8000-000000000000"
    created_at = AT
    changed_at = AT


class DeliveryAttemptFactory(DjangoModelFactory):
    """A first attempt that failed."""

    class Meta:
        model = DeliveryAttempt

    delivery = factory.SubFactory(DeliveryFactory, status="failed", attempts=1)
    number = 1
    started_at = AT
    url = "http://127.0.0.1:9/notify"
    signature = "a" * 64
    status_code = 502
    answer = "<html>"
    took_ms = 12
    verdict = "http_status"
    detail = "HTTP 502"
