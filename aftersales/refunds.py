"""Take what the superapp tells of refunds, each event once, in whatever order it comes.

An order's flags and sums are derived from all its refunds together whenever one of them changes,
under the order's lock: the order of arrival leaves no trace. A refund whose order is not there yet
is attached when the order comes, by `attach`; what a race misses, by a sweep.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
import structlog
from django.db import DataError, IntegrityError, transaction
from django.db.models import Exists, OuterRef

from aftersales import used_numbers
from aftersales.models import Refund, RefundEvent, RefundFlag, RefundStatus, UsedRefundNumber
from orders import envelope, refunding
from orders.intake import Authentic, Outcome, Purchase
from orders.models import Env, Order

log = structlog.get_logger(__name__)

ATTACHED_AT_ONCE: Final = 500


class Report(msgspec.Struct, frozen=True):
    """What one verified callback tells of a refund."""

    game_id: int
    env: str
    number: str
    order_number: str
    open_id: str
    amount_cents: int
    status: str
    reason: str
    initiated_at: datetime
    finished_at: datetime | None
    pay_model: str
    payload: str
    request_id: str

    @property
    def key(self) -> tuple[int, str, str]:
        """Return what makes it one refund, ever."""
        return self.game_id, self.env, self.number

    @property
    def order_key(self) -> refunding.Key:
        """Return which order it is of."""
        return self.game_id, self.env, self.order_number


class Refunds:
    """Receives the callback that tells of a refund (settings.CALLBACK_HANDLERS)."""

    conflict = "This refund number was stored with other content."

    def parse(self, callback: Authentic) -> Report:
        """Return the report; raise EnvelopeError if the payload is not one."""
        told = envelope.parse_refund(callback.payload)
        return Report(
            game_id=callback.game_id,
            env=str(told.env),
            number=told.refund_no,
            order_number=told.out_trade_no,
            open_id=told.open_id,
            amount_cents=told.refund_amount,
            status=told.refund_status,
            reason=told.reason,
            initiated_at=datetime.fromtimestamp(told.initiated_at, UTC),
            finished_at=datetime.fromtimestamp(told.finished_at, UTC) if told.finished_at else None,
            pay_model=callback.pay_model,
            payload=callback.payload,
            request_id=callback.request_id,
        )

    def store(self, parsed: Sequence[Report], *, at: datetime) -> list[Outcome]:
        """Store reports, each once."""
        return [store(report, at=at) for report in parsed]


def store(report: Report, *, at: datetime) -> Outcome:
    """Store one report, and say what became of it. That the database is away is raised."""
    try:
        with transaction.atomic():
            order = refunding.lock(report.order_key)
            outcome = _store(report, order, at)
    except (DataError, IntegrityError):
        log.exception("refund_not_stored", number=report.number)
        return Outcome.FAILED
    if order is None and outcome is not Outcome.CONFLICT:
        # Whoever stored the order meanwhile may not have seen this refund.
        _attach(report.order_key, at)
    return outcome


def attach(purchases: Sequence[Purchase], *, at: datetime) -> None:
    """Attach the refunds that came before their orders (settings.CALLBACK_HANDLERS)."""
    for purchase in purchases:
        _attach(purchase.key, at)


def attach_missed(*, at: datetime) -> None:
    """Attach refunds whose order is there all the same: a process died, or two did not meet."""
    theirs = Order.objects.filter(
        game=OuterRef("game"), env=OuterRef("env"), number=OuterRef("order_number")
    )
    missed = Refund.objects.filter(Exists(theirs), order=None).order_by("pk")
    keys = missed.values_list("game_id", "env", "order_number")[:ATTACHED_AT_ONCE]
    for key in dict.fromkeys(keys):
        _attach(key, at)


@transaction.atomic
def _attach(key: refunding.Key, at: datetime) -> None:
    order = refunding.lock(key)
    if order is not None:
        _settle(order, at)


def _store(report: Report, order: Order | None, at: datetime) -> Outcome:
    purged = used_numbers.find(report.key)
    if purged is not None:
        return _compare(report, purged, at)
    told = msgspec.structs.asdict(report)
    identity = {name: told.pop(name) for name in ("game_id", "env", "number")}
    told |= {"is_test": report.env == Env.TEST, "created_at": at, "changed_at": at}
    rows = Refund.objects.select_for_update()
    refund, is_new = rows.get_or_create(**identity, defaults=told)
    if not is_new and (differs := _differences(report, refund)):
        _keep_conflict(report, differs, at)
        return Outcome.CONFLICT
    is_news = is_new or _advance(refund, report, at)
    _remember(refund, report, at)
    if order is None:
        refunding.expect(report.order_key)
    else:
        _settle(order, at)
    return Outcome.STORED if is_news else Outcome.EQUAL


def _compare(report: Report, purged: UsedRefundNumber, at: datetime) -> Outcome:
    is_old = report.status in (purged.status, RefundStatus.PROCESSING)
    if is_old and purged.digest == used_numbers.digest_of(report):
        return Outcome.EQUAL
    # Only that something differs is known of a purged one.
    _keep_conflict(report, [], at)
    return Outcome.CONFLICT


def _differences(report: Report, refund: Refund) -> list[str]:
    differs = [
        path
        for name, path in used_numbers.COMPARED.items()
        if getattr(report, name) != getattr(refund, name)
    ]
    # A late `processing` is no news; a second end is one end too many.
    is_old = report.status in (refund.status, RefundStatus.PROCESSING)
    if not is_old and not refund.can_move_to(report.status):
        differs.append("RefundStatus")
    return differs


def _advance(refund: Refund, report: Report, at: datetime) -> bool:
    if not refund.can_move_to(report.status):
        return False
    refund.move_to(report.status)
    told = ("finished_at", "reason", "pay_model", "payload", "request_id")
    for name in told:
        setattr(refund, name, getattr(report, name))
    refund.changed_at = at
    refund.save(update_fields=["status", "changed_at", *told])
    return True


def _remember(refund: Refund, report: Report, at: datetime) -> None:
    event = RefundEvent(
        refund=refund,
        status=report.status,
        pay_model=report.pay_model,
        payload=report.payload,
        request_id=report.request_id,
        created_at=at,
    )
    RefundEvent.objects.bulk_create([event], ignore_conflicts=True)


def _keep_conflict(report: Report, differs: list[str], at: datetime) -> None:
    refunding.keep_conflict(
        report.key,
        event=envelope.REFUND_EVENT,
        pay_model=report.pay_model,
        payload=report.payload,
        differs=" ".join(differs),
        request_id=report.request_id,
        at=at,
    )


def _settle(order: Order, at: datetime) -> None:
    """Attach a locked order's refunds, flag those that do not fit, and tell the order the sum."""
    early = Refund.objects.filter(
        game=order.game_id, env=order.env, order_number=order.number, order=None
    )
    early.update(order=order, is_test=order.is_test, changed_at=at)
    refunds = sorted(order.refunds.select_for_update(), key=_turn)
    exceeding = _exceeding(refunds, order.actual_price_cents)
    _flag(refunds, exceeding, order, at)
    counted = [each for each in refunds if each not in exceeding]
    refunding.note(
        order,
        refunded_cents=sum(
            each.amount_cents for each in counted if each.status == RefundStatus.SUCCEEDED
        ),
        is_processing=any(each.status == RefundStatus.PROCESSING for each in refunds),
    )


def _turn(refund: Refund) -> tuple[bool, datetime, str]:
    """Order refunds by when the money went, then by when it is to go: never by arrival."""
    return refund.finished_at is None, refund.finished_at or refund.initiated_at, refund.number


def _exceeding(refunds: Sequence[Refund], paid_cents: int) -> list[Refund]:
    """Return the refunds for which, in their turn, not enough of what was paid is left."""
    left, found = paid_cents, []
    for refund in refunds:
        if refund.status == RefundStatus.FAILED:
            continue
        if refund.amount_cents > left:
            found.append(refund)
        else:
            left -= refund.amount_cents
    return found


def _flag(
    refunds: Sequence[Refund], exceeding: Sequence[Refund], order: Order, at: datetime
) -> None:
    changed = []
    for refund in refunds:
        words = {
            RefundFlag.EXCEEDS_PAID: refund in exceeding,
            RefundFlag.OTHER_PLAYER: refund.open_id != order.open_id,
        }
        flags = " ".join(word.value for word, is_so in words.items() if is_so)
        if flags != refund.flags:
            refund.flags, refund.changed_at = flags, at
            changed.append(refund)
    Refund.objects.bulk_update(changed, ["flags", "changed_at"])
