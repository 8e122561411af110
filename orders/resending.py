"""What a person may do about deliveries: send again with the same ids, or say that it arrived.

A resend gives an order all attempts of the plan again. Many at once are a job; it goes on where it
was, however often its worker dies.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from django.db import connection, models, transaction
from django.db.models import Case, Count, F, Q, Value, When
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orders.daily import LateOutcome
from orders.delivery_copy import copy_to
from orders.delivery_forms import DeliverySearchForm
from orders.models import (
    Delivery,
    DeliveryAct,
    DeliveryConfig,
    DeliveryStatus,
    Env,
    Order,
)
from permissions.models import MiniGame, User
from sasvpay.kit import audit, jobs, listing
from sasvpay.kit.audit import Event
from sasvpay.kit.errors import DomainError
from sasvpay.kit.jobs import Progress
from sasvpay.kit.models import Job

if TYPE_CHECKING:
    from django.db.models import QuerySet

KIND: Final = "orders.resend"
# What one act takes; a job works in bites of so many.
MOST: Final = 10_000
BITE: Final = 200

# Every move that this subject makes; a test holds it against the table.
MOVES: Final = frozenset(
    {
        (DeliveryStatus.WAITING, DeliveryStatus.WAITING),
        (DeliveryStatus.FAILED, DeliveryStatus.WAITING),
        (DeliveryStatus.DELIVERED, DeliveryStatus.WAITING),
    }
)


class LeftOut(models.TextChoices):
    """Why an order is not sent again."""

    HELD = "held", gettext_lazy("It is held: push held orders from Basic configuration.")
    SENDING = "sending", gettext_lazy("It is being sent at this moment.")
    WAITING = "waiting", gettext_lazy("It waits for its first attempt already.")
    NO_URL = "no_url", gettext_lazy("It is a test order, and there is no Test URL.")
    OLD = "old", gettext_lazy("It is older than 12 months.")


class SwitchedOffError(DomainError):
    """Nothing is pushed, so nothing can be pushed again."""

    code = "switched_off"


class NothingToResendError(DomainError):
    """No order was chosen, or none of them can be sent again."""

    code = "nothing_to_resend"
    status = 422


class TooManyError(DomainError):
    """One act takes so many orders at most."""

    code = "too_many"
    status = 422


class NotSettledError(DomainError):
    """It is being pushed, or arrived already."""

    code = "not_settled"


def matching(game: MiniGame, query: str, *, at: datetime) -> "QuerySet[Order]":
    """Return the orders that a search of the delivery log finds; raise ListingError if it is wrong."""
    form = DeliverySearchForm(QueryDict(query), at=at)
    if not form.is_valid():
        raise listing.ListingError(_("The filters are wrong: correct them in the delivery log."))
    return form.search().rows(game)


def tally(orders: "QuerySet[Order]", *, at: datetime) -> dict[str, int]:
    """Return how many would be sent again (under "") and how many left out, by reason."""
    works = Delivery.objects.filter(order__in=orders.order_by()).annotate(why=_why(at))
    return dict(works.values_list("why").annotate(Count("pk")).order_by())


@transaction.atomic
def resend(*, game: MiniGame, order_ids: Sequence[int], by: User, at: datetime) -> dict[str, int]:
    """Send orders of a mini game again; return how many (under ""), and how many not, by reason."""
    _check_switch(game)
    if not order_ids:
        raise NothingToResendError(_("Choose at least one order."))
    if len(order_ids) > MOST:
        raise _too_many()
    found = _resend(game, order_ids, by=by, at=at)
    if not found.get(""):
        raise NothingToResendError(" ".join(told(found)))
    target = game if len(order_ids) > 1 else Order.objects.get(pk=order_ids[0])
    audit.record(Event.DELIVERY_RESENT, by=by, target=target, at=at, **facts_of(found))
    return found


@transaction.atomic
def start(*, game: MiniGame, query: str, by: User, at: datetime) -> Job:
    """Send all that a search finds again; the job is to be announced after the commit.

    Raises SwitchedOffError, NothingToResendError or TooManyError.
    """
    _check_switch(game)
    found = tally(matching(game, query, at=at), at=at)
    if not found.get(""):
        raise NothingToResendError(_("No order that matches can be sent again."))
    if sum(found.values()) > MOST:
        raise _too_many()
    subject, progress = f"game:{game.app_id}", {"cursor": 0, "found": {}}
    job = jobs.start(
        kind=KIND, by=by, subject=subject, at=at, game=game.pk, query=query, **progress
    )
    audit.record(
        Event.DELIVERY_RESENT,
        by=by,
        target=game,
        at=at,
        filter=query,
        job=job.pk,
        **facts_of(found),
    )
    return job


def run(job: Job, progress: Progress) -> Mapping[str, Any]:
    """Do a job: send what the search finds again, bite by bite."""
    game = MiniGame.objects.get(pk=job.params["game"])
    orders = matching(game, job.params["query"], at=job.created_at)
    orders = orders.filter(created_at__lte=job.created_at)
    left = orders.filter(pk__gt=job.params["cursor"]).order_by("pk")
    pks = list(left.values_list("pk", flat=True)[:MOST])
    done = sum(job.params["found"].values())
    for start_at in range(0, len(pks), BITE):
        progress.report(done=done + start_at, total=done + len(pks))
        _bite(job, game, pks[start_at : start_at + BITE])
    job.refresh_from_db(fields=["params"])
    return {"found": job.params["found"]}


@transaction.atomic
def _bite(job: Job, game: MiniGame, pks: Sequence[int]) -> None:
    """Send a few again, and note with it how far the job is: nothing is sent twice."""
    row = Job.objects.select_for_update().get(pk=job.pk)
    pks = [pk for pk in pks if pk > row.params["cursor"]]
    if not pks:
        return
    found = Counter(row.params["found"])
    # Now is when the job was asked for: due at once, as for one order.
    found.update(_resend(game, pks, by=job.requested_by, at=job.created_at))
    row.params |= {"cursor": pks[-1], "found": dict(found)}
    row.save(update_fields=["params"])


@transaction.atomic
def settle(*, order: Order, reason: str, by: User, at: datetime) -> None:
    """Mark an order as delivered by hand: the player has it, whatever the server answered."""
    work = Delivery.objects.select_for_update().get(pk=order.pk)
    if work.status == DeliveryStatus.SENDING:
        raise NotSettledError(_("It is being pushed at this moment. Try again in a few seconds."))
    if work.status == DeliveryStatus.DELIVERED:
        raise NotSettledError(_("It is delivered already. Nothing was changed."))
    before = work.status
    work.move_to(DeliveryStatus.DELIVERED)
    work.delivered_at = work.delivered_at or at
    work.save(update_fields=["status", "delivered_at"])
    copy_to(Order.objects.filter(pk=order.pk))
    DeliveryAct.objects.create(
        delivery=work, kind=DeliveryAct.Kind.SETTLED, by=by, at=at, reason=reason
    )
    # The day of an old order is computed no more, unless it is told to.
    LateOutcome.objects.create(game=order.game, ordered_at=order.created_at)
    audit.record(
        Event.DELIVERY_SETTLED,
        by=by,
        target=order,
        at=at,
        before={"status": before},
        after={"status": work.status},
        reason=reason,
    )


def told(found: Mapping[str, int]) -> list[str]:
    """Return in sentences which orders were left out."""
    return [
        f"{reason.label} ({found[reason.value]})" for reason in LeftOut if found.get(reason.value)
    ]


def facts_of(found: Mapping[str, int]) -> dict[str, Any]:
    """Return what the audit trail keeps of counts."""
    return {"count": found.get("", 0), "left_out": {why: n for why, n in found.items() if why}}


def _resend(game: MiniGame, order_ids: Sequence[int], *, by: User, at: datetime) -> dict[str, int]:
    can_skip = connection.features.has_select_for_update_skip_locked
    # What somebody holds at this moment is being claimed or written back: we do not wait for it.
    works = (
        Delivery.objects.select_for_update(skip_locked=can_skip, of=("self",))
        .filter(game=game, order__in=order_ids)
        .annotate(why=_why(at))
        .order_by("pk")
    )
    why = dict(works.values_list("pk", "why"))
    ours = [pk for pk, reason in why.items() if not reason]
    Delivery.objects.filter(pk__in=ours).update(
        status=DeliveryStatus.WAITING, due_at=at, uncounted=F("attempts")
    )
    copy_to(Order.objects.filter(pk__in=ours))
    DeliveryAct.objects.bulk_create(
        DeliveryAct(delivery_id=pk, kind=DeliveryAct.Kind.RESENT, by=by, at=at) for pk in ours
    )
    held_by_others = Delivery.objects.filter(game=game, order__in=order_ids).count() - len(why)
    found = Counter(why.values())
    found.update({LeftOut.SENDING.value: held_by_others})
    return {reason: count for reason, count in found.items() if count}


def _why(at: datetime) -> Case:
    """Return why a delivery is left out, as an expression; nothing if it is not."""
    is_new = Q(status=DeliveryStatus.WAITING, attempts=F("uncounted"))
    no_url = Q(env=Env.TEST, game__delivery_config__test_url="")
    return Case(
        When(order__created_at__lt=listing.last_year(at=at).since, then=Value(LeftOut.OLD)),
        When(status=DeliveryStatus.HELD, then=Value(LeftOut.HELD)),
        When(status=DeliveryStatus.SENDING, then=Value(LeftOut.SENDING)),
        When(is_new, then=Value(LeftOut.WAITING)),
        When(no_url, then=Value(LeftOut.NO_URL)),
        default=Value(""),
        output_field=models.CharField(),
    )


def _check_switch(game: MiniGame) -> None:
    if not DeliveryConfig.objects.filter(game=game, is_enabled=True).exists():
        raise SwitchedOffError(
            _("Delivery notification is off: switch it on first. Nothing was sent again.")
        )


def _too_many() -> TooManyError:
    return TooManyError(
        _("One act takes %(most)s orders at most: narrow the search.") % {"most": MOST}
    )
