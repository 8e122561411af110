"""`/metrics`: how the product does, in Prometheus' text format, read from the database (decision 44).

Every process answers the same: nothing is counted in memory but refusals on their way to the
database. What is counted is few rows, an index, or the daily figures; never all orders.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, Min, Q, Sum

from orders import delivery, refusals
from orders.models import (
    ConflictingCallback,
    DailySales,
    Delivery,
    DeliveryAttempt,
    DeliveryState,
    DeliveryStatus,
    Order,
    Receiver,
    Verdict,
)
from sasvpay.kit import mail
from sasvpay.kit.models import Heartbeat, Job, Mail

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
RECENT: Final = timedelta(hours=1)
# A label per mini game must not make as many series as there are games.
LAGGING_GAMES: Final = 20

# What a sample's labels are, and its value.
Sample = tuple[dict[str, str], float]


@dataclass(frozen=True)
class Metric:
    """One family of samples."""

    name: str
    help: str
    read: Callable[[datetime], Iterator[Sample]]
    kind: str = "gauge"

    def lines(self, at: datetime) -> Iterator[str]:
        """Write it as Prometheus reads it."""
        yield f"# HELP {self.name} {self.help}"
        yield f"# TYPE {self.name} {self.kind}"
        for labels, value in self.read(at):
            told = ",".join(f'{name}="{text}"' for name, text in labels.items())
            yield f"{self.name}{{{told}}} {value:.15g}" if told else f"{self.name} {value:.15g}"


def text(*, at: datetime) -> str:
    """Return all metrics of this moment."""
    return "\n".join(line for metric in METRICS for line in metric.lines(at)) + "\n"


def _accepted(at: datetime) -> Iterator[Sample]:
    sums = dict(DailySales.objects.values_list("is_test").annotate(Sum("orders")).order_by())
    for is_test, kind in ((False, "live"), (True, "test")):
        yield {"kind": kind}, sums.get(is_test, 0)


def _refused(at: datetime) -> Iterator[Sample]:
    for code, number in refusals.counts().items():
        yield {"code": code}, number


def _conflicts(at: datetime) -> Iterator[Sample]:
    yield {}, ConflictingCallback.objects.filter(created_at__gte=at - RECENT).count()


def _owed(at: datetime) -> Iterator[Sample]:
    # By the order's copy of the status: its index has only what is not delivered.
    undelivered = Order.objects.filter(~Q(delivery_status=DeliveryState.DELIVERED))
    counts = dict(undelivered.values_list("delivery_status").annotate(Count("pk")).order_by())
    for state in DeliveryState:
        if state != DeliveryState.DELIVERED:
            yield {"state": state.value}, counts.get(state, 0)


def _oldest_owed(at: datetime) -> Iterator[Sample]:
    yield {}, delivery.lag(at=at).total_seconds()


def _lags(at: datetime) -> Iterator[Sample]:
    due = Delivery.objects.filter(
        status=DeliveryStatus.WAITING, due_at__lt=at, game__delivery_config__is_enabled=True
    )
    games = due.values_list("game__app_id").annotate(oldest=Min("due_at")).order_by("oldest")
    for app_id, oldest in games[:LAGGING_GAMES]:
        yield {"game": app_id}, (at - oldest).total_seconds()


def _attempts(at: datetime) -> Iterator[Sample]:
    recent = DeliveryAttempt.objects.filter(started_at__gte=at - RECENT)
    counts = dict(recent.values_list("verdict").annotate(Count("pk")).order_by())
    for verdict in Verdict:
        yield {"verdict": verdict.value}, counts.get(verdict, 0)


def _paused(at: datetime) -> Iterator[Sample]:
    yield {}, Receiver.objects.filter(paused_at__isnull=False).count()


def _jobs(at: datetime) -> Iterator[Sample]:
    counts = dict(Job.objects.values_list("status").annotate(Count("pk")).order_by())
    for status in Job.Status:
        yield {"status": status.value}, counts.get(status, 0)


def _letters(at: datetime) -> Iterator[Sample]:
    yield {"state": "waiting"}, Mail.objects.filter(mail.UNSENT).count()
    given_up = Mail.objects.filter(failed_at__gte=at - timedelta(days=1))
    yield {"state": "given_up"}, given_up.count()


def _oldest_letter(at: datetime) -> Iterator[Sample]:
    yield {}, mail.lag(at=at).total_seconds()


def _heartbeats(at: datetime) -> Iterator[Sample]:
    for beat in Heartbeat.objects.order_by("name"):
        yield {"part": beat.name}, (at - beat.at).total_seconds()


METRICS: Final = (
    Metric(
        "console_orders_accepted_total",
        "Orders stored, by the daily figures (15 s behind); test: never counted as sales.",
        _accepted,
        "counter",
    ),
    Metric(
        "console_callbacks_refused_total",
        "Callbacks refused, by the code they were answered with.",
        _refused,
        "counter",
    ),
    Metric(
        "console_conflicting_callbacks_last_hour",
        "Authentic callbacks whose number was stored with other content.",
        _conflicts,
    ),
    Metric("console_orders_undelivered", "Orders that are not delivered, by state.", _owed),
    Metric(
        "console_oldest_owed_seconds",
        "For how long the oldest delivery is due that somebody should push by now.",
        _oldest_owed,
    ),
    Metric(
        "console_game_lag_seconds",
        "The same for each mini game that has one, at most the 20 latest.",
        _lags,
    ),
    Metric(
        "console_delivery_attempts_last_hour", "Attempts of the last hour, by verdict.", _attempts
    ),
    Metric("console_receivers_paused", "Delivery URLs that are paused.", _paused),
    Metric("console_jobs", "Background jobs, by status.", _jobs),
    Metric("console_letters", "Letters that wait, or were given up in 24 hours.", _letters),
    Metric("console_oldest_letter_seconds", "Age of the oldest letter that waits.", _oldest_letter),
    Metric("console_heartbeat_age_seconds", "Since a part was last seen at work.", _heartbeats),
)
