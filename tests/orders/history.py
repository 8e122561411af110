"""A random history of orders, deliveries and refunds, and what each day of it comes to by hand."""

from collections import defaultdict
from datetime import timedelta
from zoneinfo import ZoneInfo

from aftersales.models import DailyRefunds, Refund, RefundStatus
from orders import delivery, waits
from orders.daily import DailySales, PayingPlayer
from orders.delivery import Result
from orders.models import Delivery, DeliveryStatus, Order, Verdict
from tests.factories import DeliveryFactory, OrderFactory

ENDED = [DeliveryStatus.DELIVERED, DeliveryStatus.FAILED]


class History:
    """What happens to two games, one random event after the other, at a clock that only advances."""

    def __init__(self, random, games, at):
        self.random, self.games, self.at = random, games, at
        self.refunds = 0

    def go_on(self):
        """Let some time pass, then let something happen."""
        self.at += timedelta(seconds=self.random.choice([1, 60, 3_600, 30_000, 100_000]))
        self.random.choice([self.sell, self.sell, self.sell, self.end, self.refund, self.settle])()

    def sell(self):
        chosen = self.random.choice
        order = OrderFactory(
            game=chosen(self.games),
            env=chosen("0001"),
            order_source=chosen([1, 1, 2, 3]),
            open_id=chosen("abcdef"),
            actual_price_cents=self.random.randrange(1, 5_000),
            created_at=self.at,
        )
        DeliveryFactory(order=order)

    def end(self):
        """End the delivery of any order, however old, as a dispatcher does."""
        row = Delivery.objects.exclude(status=DeliveryStatus.DELIVERED).order_by("?").first()
        if row is None:
            return
        Delivery.objects.filter(pk=row.pk).update(status=DeliveryStatus.SENDING, attempts=16)
        is_good = self.random.random() < 0.6
        verdict = Verdict.DELIVERED if is_good else Verdict.TIMEOUT
        delivery.note([Result(row.pk, 16, 16, verdict, "", self.at)])

    def refund(self):
        """Refund any order, initiated at any time since it was paid."""
        order = Order.objects.order_by("?").first()
        if order is None:
            return
        self.refunds += 1
        since = (self.at - order.created_at).total_seconds()
        Refund.objects.create(
            game=order.game,
            env=order.env,
            number=f"R{self.refunds}",
            order=self.random.choice([order, None]),
            order_number=order.number,
            open_id=order.open_id,
            amount_cents=self.random.randrange(1, 100),
            status=RefundStatus.PROCESSING,
            initiated_at=order.created_at + timedelta(seconds=self.random.random() * since),
            is_test=order.is_test,
            created_at=self.at,
            changed_at=self.at,
        )

    def settle(self):
        """Change any refund: it ends, its order comes, or it turns out to be too large."""
        refund = Refund.objects.order_by("?").first()
        if refund is None:
            return
        refund.order = Order.objects.get(game=refund.game, number=refund.order_number)
        refund.flags = self.random.choice(["", "exceeds_paid", "other_player"])
        refund.status = self.random.choice([RefundStatus.SUCCEEDED, RefundStatus.FAILED])
        refund.finished_at = refund.changed_at = self.at
        refund.save()


def by_hand(zone):
    """Compute every figure from orders and refunds, in plain Python."""
    zone = ZoneInfo(zone)
    sales, players, refunds = defaultdict(list), {}, defaultdict(list)
    for order in Order.objects.select_related("delivery").order_by("created_at"):
        day = order.created_at.astimezone(zone).date()
        sales[order.game_id, order.is_test, day].append(order)
        if not order.is_test:
            players[order.game_id, order.open_id] = day
    for refund in Refund.objects.filter(status="succeeded", order__isnull=False):
        if "exceeds_paid" not in refund.flags:
            day = refund.initiated_at.astimezone(zone).date()
            refunds[refund.game_id, refund.is_test, day].append(refund.amount_cents)
    return (
        {key: _sums(orders) for key, orders in sales.items()},
        players,
        {key: (len(amounts), sum(amounts)) for key, amounts in refunds.items()},
    )


def _sums(orders):
    statuses = [order.delivery_status for order in orders]
    steps: dict[str, int] = defaultdict(int)
    for order in orders:
        if order.delivery_status == DeliveryStatus.DELIVERED:
            steps[str(waits.step_of(order.delivery.delivered_at - order.created_at))] += 1
    return (
        len(orders),
        sum(order.actual_price_cents for order in orders),
        len({order.open_id for order in orders}),
        statuses.count(DeliveryStatus.DELIVERED),
        statuses.count(DeliveryStatus.FAILED),
        dict(steps),
    )


def rolled_up():
    """Return the same out of the tables of daily figures."""
    sums = ("orders", "paid_cents", "payers", "delivered", "failed", "waits")
    return (
        {
            (row.game_id, row.is_test, row.day): tuple(getattr(row, name) for name in sums)
            for row in DailySales.objects.all()
        },
        {(row.game_id, row.open_id): row.last_paid_day for row in PayingPlayer.objects.all()},
        {
            (row.game_id, row.is_test, row.day): (row.refunds, row.refunded_cents)
            for row in DailyRefunds.objects.all()
        },
    )
